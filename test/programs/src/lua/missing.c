// What Lua's libraries call and WASI does not have: each fails as POSIX says.
#include <errno.h>
#include <stdio.h>

int system(const char *command) {
  errno = ENOSYS;
  return command ? -1 : 0;
}

FILE *tmpfile(void) {
  errno = ENOSYS;
  return NULL;
}

char *tmpnam(char *buffer) { return NULL; }
