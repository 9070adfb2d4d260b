/* Takes a checkpoint of itself after each step of its work. */
#include <stdio.h>
#include "ckp_util.h"

int main(void) {
  static const char *const outcome[] = {"failed", "not under Stasis", "taken", "restored"};
  double sum = 0;
  char label[32];
  for (int step = 1; step <= 3; step++) {
    ckp_disable();
    for (int i = 0; i < 1000; i++) sum += (double)i * step;
    printf("step %d: %g\n", step, sum);
    fflush(stdout);
    ckp_enable();
    snprintf(label, sizeof label, "after step %d", step);
    ckp_label(label);
    printf("%s\n", outcome[ckp_checkpoint() + 1]);
    fflush(stdout);
  }
  return 0;
}
