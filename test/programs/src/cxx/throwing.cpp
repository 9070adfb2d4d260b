// Throws through several frames. Every destructor and every catch body prints, so a call is made while an exception
// is on its way, and the exception goes on afterwards. Usage: throwing [rounds]
#include <stdio.h>
#include <stdlib.h>

struct Trace {
  const char *name;
  int level;
  Trace(const char *name, int level) : name(name), level(level) { printf("%*s> %s %d\n", level, "", name, level); }
  ~Trace() { printf("%*s< %s %d\n", level, "", name, level); }
};

struct Overflow {
  int at;
};

struct Underflow {
  int at;
  double amount;
};

__attribute__((noinline)) static long dig(int level, int bottom) {
  Trace trace("dig", level);
  if (level == bottom) {
    if (bottom % 2) throw Overflow{bottom};
    throw Underflow{bottom, bottom / 4.0};
  }
  return dig(level + 1, bottom) + level;
}

// The body prints and throws the same exception on.
__attribute__((noinline)) static long watched(int bottom) {
  Trace trace("watched", 0);
  try {
    return dig(1, bottom);
  } catch (...) {
    printf("passing on %d\n", bottom);
    throw;
  }
}

// An exception that is thrown and caught while another is being handled.
__attribute__((noinline)) static int nested(int at) {
  try {
    throw Overflow{at * 10};
  } catch (const Overflow &inner) {
    printf("inner overflow at %d\n", inner.at);
    return inner.at;
  }
}

__attribute__((noinline)) static long attempt(int bottom) {
  try {
    return watched(bottom);
  } catch (const Overflow &error) {
    printf("overflow at %d\n", error.at);
    return nested(error.at) + error.at;
  } catch (const Underflow &error) {
    printf("underflow at %d by %.2f\n", error.at, error.amount);
    return error.at;
  }
}

// Catches and throws in a loop: the state of the loop lives across the throws.
__attribute__((noinline)) static int loop(int rounds) {
  int caught = 0;
  for (int i = 0; i < rounds; i++) {
    try {
      Trace trace("loop", i);
      if (i % 3 == 2) continue;
      dig(i + 1, i + 3);
    } catch (const Underflow &error) {
      caught += error.at;
      printf("round %d: underflow, %d so far\n", i, caught);
    } catch (...) {
      caught += 100;
      printf("round %d: something else, %d so far\n", i, caught);
      try {
        nested(i);
        throw;
      } catch (const Overflow &again) {
        printf("round %d: again, at %d\n", i, again.at);
      }
    }
  }
  return caught;
}

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 4;
  long total = 0;
  for (int bottom = 2; bottom < 2 + rounds; bottom++) total += attempt(bottom);
  printf("total %ld, caught %d\n", total, loop(rounds));
  return 0;
}
