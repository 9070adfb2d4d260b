/* Version 2: counts further than an int goes, and how often it was restored. */
#include <stdint.h>
#include <stdio.h>
#include "ckp_util.h"

static struct state {
  int64_t count;
  int restored;
} state;

static int from_version_1(const void *old, size_t old_length, void *region, size_t length) {
  struct state *new = region;
  new->count = *(const int *)old;
  new->restored = 0;
  return old_length == sizeof(int) && length == sizeof *new ? 0 : -1;
}

int main(void) {
  CheckpointFile file;
  Checkpoint checkpoint;
#ifndef WITHOUT_MIGRATION
  ckpMigrate("state", sizeof(int), from_version_1);
#endif
  if (ckpOpen("/data/count.ckp", NULL, &file) != 0 ||
      ckpRegister(file, "state", &state, sizeof state, &checkpoint) != 0) {
    fprintf(stderr, "%s\n", ckpMessage());
    return 1;
  }
  if (ckp_restored(checkpoint)) state.restored++;
  state.count += 5000000000;
  printf("counted to %lld, restored %d times\n", (long long)state.count, state.restored);
  fflush(stdout);
  ckp_checkpoint();
  ckpClose(file);
  return 0;
}
