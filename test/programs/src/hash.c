// Fills, grows and empties an open-addressing hash table of 64-bit keys. Usage: hash [keys]
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  uint64_t *keys, *values;
  size_t capacity, count;
} Table;

static uint64_t mix(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdull;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ull;
  return x ^ (x >> 33);
}

static size_t slot_of(const Table *t, uint64_t key) {
  size_t i = mix(key) & (t->capacity - 1);
  while (t->keys[i] && t->keys[i] != key) i = (i + 1) & (t->capacity - 1);
  return i;
}

static void allocate(Table *t, size_t capacity) {
  t->keys = calloc(capacity, sizeof *t->keys);
  t->values = calloc(capacity, sizeof *t->values);
  if (!t->keys || !t->values) exit(1);
  t->capacity = capacity;
}

static void grow(Table *t) {
  Table old = *t;
  allocate(t, old.capacity * 2);
  for (size_t i = 0; i < old.capacity; i++) {
    if (!old.keys[i]) continue;
    size_t at = slot_of(t, old.keys[i]);
    t->keys[at] = old.keys[i];
    t->values[at] = old.values[i];
  }
  free(old.keys);
  free(old.values);
  printf("grown to %zu slots with %zu keys\n", t->capacity, t->count);
}

static uint64_t *entry(Table *t, uint64_t key) {
  if (t->count * 4 >= t->capacity * 3) grow(t);
  size_t at = slot_of(t, key);
  if (!t->keys[at]) {
    t->keys[at] = key;
    t->count++;
  }
  return &t->values[at];
}

int main(int argc, char **argv) {
  int n = argc > 1 ? atoi(argv[1]) : 400000;
  Table table = {0};
  allocate(&table, 1024);
  for (int i = 1; i <= n; i++) *entry(&table, mix((uint64_t)i) | 1) += (uint64_t)i;
  uint64_t sum = 0;
  for (int i = 1; i <= n; i++) sum = sum * 31 + *entry(&table, mix((uint64_t)i) | 1);
  printf("checksum %zu %llu\n", table.count, (unsigned long long)sum);
  return 0;
}
