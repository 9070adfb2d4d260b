/* Every operation of ckp_util, and what it says where it cannot be done. The exit code is 0 or a failed check's line. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "ckp_util.h"

#define CHECK(condition)                                                    \
  do                                                                        \
    if (!(condition)) {                                                     \
      fprintf(stderr, "line %d: " #condition " (%s)\n", __LINE__, ckpMessage()); \
      return 1;                                                             \
    }                                                                       \
  while (0)
#define FAILS(call, code) CHECK((call) == -1 && errno == (code))

static unsigned char a[20000], b[3], c[8192];

static int wider(const void *old, size_t old_length, void *region, size_t length) {
  memset(region, 0, length);
  ((unsigned char *)region)[1] = *(const unsigned char *)old;
  return old_length == 3 ? 0 : -1;
}

/* What a host has compressed is not restored, and never taken for something else; what is saved here is. */
static int check_compressed(void) {
  CheckpointFile file;
  Checkpoint one;
  CHECK(ckpOpen("/data/compressed.ckp", NULL, &file) == 0);
  CHECK(ckpRegister(file, "c", c, sizeof c, &one) == 0);
  memset(c, 5, sizeof c);
  /* There is one already where the program runs once more. */
  int failed = ckpRestore(one, 0);
  CHECK(failed == 0 || errno == ENOTSUP || errno == ERANGE);
  CHECK(c[0] == 5 && c[8191] == 5);
  if (failed != 0 && errno == ENOTSUP) printf("%s\n", ckpMessage());
  CHECK(ckpSave(one) == 0 && ckpRestore(one, 0) == 0);
  return ckpClose(file);
}

int main(void) {
  const char *path = "/data/check.ckp";
  CheckpointFile file;
  Checkpoint one, two, again;
  CHECK(check_compressed() == 0);
  FAILS(ckpOpen(path, "colour", &file), EINVAL);
  FAILS(ckpOpen("/data/nowhere/check.ckp", NULL, &file), ENOENT);
  CHECK(ckpOpen(path, NULL, &file) == 0);
  CHECK(ckpRegister(file, "a", a, sizeof a, &one) == 0);
  CHECK(ckpRegister(file, "b", b, sizeof b, &two) == 0);
  FAILS(ckpRegister(file, "b", b, 2, &two), EEXIST);
  FAILS(ckpRegister(file, "", b, 2, &two), EINVAL);
  CHECK(ckpLocate(file, "b", &again) == 0 && again == two);
  FAILS(ckpLocate(file, "x", &again), ENOENT);
  FAILS(ckpRestore(one, 0), ERANGE);
  for (int version = 1; version <= 5; version++) {
    memset(a, version, 5000);
    memset(a + 12288, 7, 4096);
    b[0] = (unsigned char)version;
    CHECK((version == 3 ? ckpSave(one) : ckpSaveAll(file)) == 0);
  }
  static const int wanted[][2] = {{1, 1}, {5, 5}, {0, 5}, {-1, 4}, {-4, 1}, {3, 3}};
  for (int i = 0; i < 6; i++) {
    memset(a, 99, sizeof a);
    CHECK(ckpRestore(one, wanted[i][0]) == 0);
    CHECK(a[0] == wanted[i][1] && a[4999] == wanted[i][1] && a[5000] == 0 && a[12288] == 7 && a[19999] == 0);
  }
  FAILS(ckpRestore(one, 6), ERANGE);
  FAILS(ckpRestore(one, -5), ERANGE);
  CHECK(strcmp(ckpMessage(), "a has no version -5. There are 1 to 5, or 0 for the newest to -4 for the oldest.") == 0);
  CHECK(ckpRestoreAll(file, 3) == 0 && a[0] == 3 && b[0] == 2);
  CHECK(ckpRestoreAll(file, -1) == 0 && a[0] == 4 && b[0] == 4);
  FAILS(ckpRestoreAll(file, 6), ERANGE);
  CHECK(ckpUnregister(two) == 0);
  FAILS(ckpUnregister(two), EINVAL);
  FAILS(ckpSave(two), EINVAL);
  FAILS(ckpLocate(file, "b", &two), ENOENT);
  CHECK(ckpClose(file) == 0);

  CHECK(ckpOpen(path, "durable,replace", &file) == 0);
  CHECK(ckpRegister(file, "c", c, sizeof c, NULL) == 0);
  CHECK(ckpRegister(file, "b", b, 2, &two) == 0);
  FAILS(ckpRestore(two, 1), EINVAL);
  /* A migration makes of an older version what the region is now. */
  CHECK(ckpMigrate("b", 3, wider) == 0);
  CHECK(ckpRestore(two, 1) == 0 && b[0] == 0 && b[1] == 1);
  CHECK(ckpRegister(file, "b", b, 3, &two) == 0);
  b[0] = 0;
  CHECK(ckpRestore(two, 0) == 0 && b[0] == 5);
  FAILS(ckpRestoreAll(file, 0), ERANGE);
  CHECK(ckpSaveAll(file) == 0 && ckpRestoreAll(file, 0) == 0);
  CHECK(ckp_is_stasis() == 0 && ckp_checkpoint() == 0);
  CHECK(ckp_disable() == 0 && ckp_label("nothing happens") == 0 && ckp_enable() == 0 && ckp_restored(two) == 0);
  CHECK(ckpClose(file) == 0);
  return 0;
}
