// Multiplies square matrices of doubles. Usage: matrix [size] [rounds]
#include <stdio.h>
#include <stdlib.h>

static void fill(double *m, int n, unsigned seed) {
  for (int i = 0; i < n * n; i++) {
    seed = seed * 1664525u + 1013904223u;
    m[i] = (double)(seed >> 8) / 16777216.0 - 0.5;
  }
}

static void multiply(const double *a, const double *b, double *out, int n) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      double sum = 0;
      for (int k = 0; k < n; k++) sum += a[i * n + k] * b[k * n + j];
      out[i * n + j] = sum;
    }
}

int main(int argc, char **argv) {
  int n = argc > 1 ? atoi(argv[1]) : 120;
  int rounds = argc > 2 ? atoi(argv[2]) : 10;
  size_t bytes = sizeof(double) * (size_t)n * (size_t)n;
  double *a = malloc(bytes), *b = malloc(bytes), *c = malloc(bytes);
  if (!a || !b || !c) return 1;
  fill(a, n, 1);
  fill(b, n, 2);
  double total = 0;
  for (int round = 0; round < rounds; round++) {
    multiply(a, b, c, n);
    double trace = 0;
    for (int i = 0; i < n; i++) trace += c[i * n + i];
    total += trace;
    for (int i = 0; i < n * n; i++) a[i] = c[i] / n;
    printf("round %d trace %.12g\n", round, trace);
  }
  printf("checksum %.12g\n", total);
  return 0;
}
