// Answers each line of standard input through nested calls, until the end of input.
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static int depth_of(const char *text) {
  if (!*text) return 0;
  return 1 + depth_of(text + 1);
}

static void answer(int number, char *line) {
  for (char *c = line; *c; c++) *c = (char)toupper((unsigned char)*c);
  printf("%d: %s (%d)\n", number, line, depth_of(line));
  fflush(stdout);
}

int main(void) {
  char line[256];
  int number = 0;
  printf("ready\n");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    answer(++number, line);
  }
  printf("%d lines\n", number);
  return 0;
}
