// setjmp and longjmp by wasm exceptions: errors that leave several frames, a generator of retries, jumps out of a
// callback of qsort. Usage: longjmp [rounds]
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

static jmp_buf rescue, deeper;
static int comparisons;

__attribute__((noinline)) static int descend(int level, int limit) {
  printf("%*slevel %d\n", level, "", level);
  if (level == limit) longjmp(rescue, limit);
  int below = descend(level + 1, limit);
  printf("never: %d\n", below);
  return below;
}

static int compare(const void *a, const void *b) {
  if (++comparisons % 17 == 0) longjmp(deeper, comparisons);
  return *(const int *)a - *(const int *)b;
}

__attribute__((noinline)) static int sort_with_accidents(void) {
  int numbers[24];
  volatile int accidents = 0;
  int at = setjmp(deeper);
  if (at) {
    accidents++;
    printf("accident %d at comparison %d\n", accidents, at);
    if (accidents == 3) return accidents;
  }
  for (int i = 0; i < 24; i++) numbers[i] = (i * 7919) % 101;
  qsort(numbers, 24, sizeof *numbers, compare);
  printf("sorted, smallest %d\n", numbers[0]);
  return accidents;
}

int main(int argc, char **argv) {
  volatile int rounds = argc > 1 ? atoi(argv[1]) : 3;
  volatile int sum = 0;
  for (volatile int round = 1; round <= rounds; round++) {
    int code = setjmp(rescue);
    if (code == 0) {
      descend(1, round + 2);
    } else {
      sum += code;
      printf("rescued with %d, sum %d, accidents %d\n", code, sum, sort_with_accidents());
    }
  }
  printf("sum %d, comparisons %d\n", sum, comparisons);
  return 0;
}
