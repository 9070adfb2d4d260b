/*
 * Works in steps: writes a file and a line, holds checkpoints off meanwhile, and takes one of itself every third step.
 * What it writes does not depend on whether it was restored. Usage: ledger FOLDER STEPS WORK
 */
#include <stdio.h>
#include <stdlib.h>
#include "ckp_util.h"

static struct {
  int step;
  double sum;
} state;

static int failed(const char *what) {
  fprintf(stderr, "%s: %s\n", what, ckpMessage());
  return 1;
}

int main(int argc, char **argv) {
  char path[256], label[32];
  CheckpointFile file;
  Checkpoint checkpoint;
  if (argc < 4) return 2;
  snprintf(path, sizeof path, "%s/ledger.ckp", argv[1]);
  if (ckpOpen(path, NULL, &file) != 0) return failed("open");
  if (ckpRegister(file, "state", &state, sizeof state, &checkpoint) != 0) return failed("register");
  snprintf(path, sizeof path, "%s/ledger.txt", argv[1]);
  FILE *ledger = fopen(path, "w");
  if (ledger == NULL) return 3;
  while (state.step < atoi(argv[2])) {
    state.step++;
    for (int i = 1; i <= atoi(argv[3]); i++) state.sum += 1.0 / (i * (double)state.step);
    if (ckp_disable() != 0) return failed("disable");
    fprintf(ledger, "%d %.12g\n", state.step, state.sum);
    fflush(ledger);
    printf("step %d\n", state.step);
    fflush(stdout);
    if (ckp_enable() != 0) return failed("enable");
    if (state.step % 3 != 0) continue;
    snprintf(label, sizeof label, "step %d", state.step);
    if (ckp_label(label) != 0 || ckp_checkpoint() < 0) return failed("checkpoint");
  }
  fclose(ledger);
  ckpClose(file);
  return 0;
}
