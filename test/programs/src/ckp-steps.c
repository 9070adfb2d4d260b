/* Takes up its work where it was, one step back, each time it is started. */
#include <stdio.h>
#include "ckp_util.h"

static struct {
  int step;
  double values[10000];
} state;

int main(int argc, char **argv) {
  CheckpointFile file;
  Checkpoint checkpoint;
  if (ckpOpen("/data/steps.ckp", NULL, &file) != 0 ||
      ckpRegister(file, "state", &state, sizeof state, &checkpoint) != 0) {
    fprintf(stderr, "%s\n", ckpMessage());
    return 1;
  }
  if (ckpRestore(checkpoint, -1) == 0) printf("restored step %d, %g\n", state.step, state.values[0]);
  while (state.step < 8) {
    state.step++;
    for (int i = 0; i < 1000; i++) state.values[i] += state.step * (i + 1);
    if (ckpSave(checkpoint) != 0) {
      fprintf(stderr, "%s\n", ckpMessage());
      return 1;
    }
    printf("saved step %d\n", state.step);
    fflush(stdout);
    /* To be killed in the midst of its work. */
    if (argc > 1 && state.step == 5) getchar();
  }
  ckpClose(file);
  return 0;
}
