// Counts primes, block by block. Usage: sieve [limit]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
  unsigned limit = argc > 1 ? (unsigned)atoi(argv[1]) : 5000000;
  unsigned char *composite = calloc(limit + 1, 1);
  if (!composite) return 1;
  unsigned step = limit / 8 + 1, next = step, count = 0;
  unsigned long long sum = 0;
  for (unsigned p = 2; p <= limit; p++) {
    if (p == next) {
      printf("below %u: %u primes\n", p, count);
      next += step;
    }
    if (composite[p]) continue;
    count++;
    sum += p;
    for (unsigned long long q = (unsigned long long)p * p; q <= limit; q += p) composite[q] = 1;
  }
  printf("checksum %u %llu\n", count, sum);
  free(composite);
  return 0;
}
