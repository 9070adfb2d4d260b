/* Version 1 of a program: counts, and registers what it has counted. */
#include <stdio.h>
#include "ckp_util.h"

#ifndef STEP
#define STEP 1
#endif

static struct {
  int count;
} state;

int main(void) {
  CheckpointFile file;
  Checkpoint checkpoint;
  if (ckpOpen("/data/count.ckp", NULL, &file) != 0 ||
      ckpRegister(file, "state", &state, sizeof state, &checkpoint) != 0) {
    fprintf(stderr, "%s\n", ckpMessage());
    return 1;
  }
  if (ckp_restored(checkpoint)) printf("going on from %d\n", state.count);
  for (int i = 0; i < 5; i++) state.count += STEP;
  printf("counted to %d\n", state.count);
  fflush(stdout);
  ckp_checkpoint();
  ckpClose(file);
  return 0;
}
