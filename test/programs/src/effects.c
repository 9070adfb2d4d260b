// Effects on files that a crash may catch half done, round after round below a folder (default /data): append mode,
// exclusive create, deleted files that stay open, rename over an open file, symlinks, links, folders, positioned writes.
// Usage: effects [folder] [rounds] [work]. Prints a line after each; what it reads back is checked.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[256];
static unsigned mixed = 1;

static const char *at(const char *name, int round) {
  static char paths[4][512];
  static int turn;
  char *path = paths[turn++ & 3];
  if (round < 0) snprintf(path, 512, "%s/%s", base, name);
  else snprintf(path, 512, "%s/%s-%d", base, name, round);
  return path;
}

static void check(int ok, const char *what) {
  if (ok) return;
  printf("%s failed: %s\n", what, strerror(errno));
  exit(1);
}

static void say(int round, const char *what) {
  printf("%d %s %08x\n", round, what, mixed);
  fflush(stdout);
}

// Work without a call, which the output depends on.
static void work(int amount) {
  for (int i = 0; i < amount * 1000; i++) mixed = (mixed ^ (mixed >> 7)) * 1664525u + (unsigned)i;
}

static void put(int fd, const char *text) {
  check(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "write");
}

static void expect(int fd, const char *text) {
  char found[256] = {0};
  check(lseek(fd, 0, SEEK_SET) == 0, "seek");
  ssize_t length = read(fd, found, sizeof found - 1);
  if (length == (ssize_t)strlen(text) && strcmp(found, text) == 0) return;
  printf("expected \"%s\", found \"%s\"\n", text, found);
  exit(2);
}

static void whole(const char *path, const char *text) {
  int fd = open(path, O_RDONLY);
  check(fd >= 0, "open for reading");
  expect(fd, text);
  close(fd);
}

int main(int argc, char **argv) {
  snprintf(base, sizeof base, "%s", argc > 1 ? argv[1] : "/data");
  int rounds = argc > 2 ? atoi(argv[2]) : 4;
  int amount = argc > 3 ? atoi(argv[3]) : 1;
  int diary = open(at("diary", -1), O_CREAT | O_WRONLY | O_APPEND, 0644);
  check(diary >= 0, "open diary");
  int table = open(at("table", -1), O_CREAT | O_TRUNC | O_RDWR, 0644);
  check(table >= 0, "open table");
  int orphan = -1;
  char was[64] = "";
  for (int round = 0; round < rounds; round++) {
    char text[64], other[64];
    snprintf(text, sizeof text, "round %d of %d\n", round, rounds);
    work(amount);
    put(diary, text);
    say(round, "appended");

    // The deleted file of the round before has outlived everything since.
    if (orphan >= 0) {
      expect(orphan, was);
      close(orphan);
    }
    orphan = open(at("temporary", -1), O_CREAT | O_EXCL | O_RDWR, 0600);
    check(orphan >= 0, "exclusive create");
    put(orphan, "before ");
    check(unlink(at("temporary", -1)) == 0, "unlink an open file");
    put(orphan, text);
    snprintf(was, sizeof was, "before %s", text);
    check(open(at("temporary", -1), O_RDONLY) < 0 && errno == ENOENT, "a deleted file has no name");
    say(round, "deleted");

    work(amount);
    int next = open(at("state.new", -1), O_CREAT | O_TRUNC | O_WRONLY, 0644);
    check(next >= 0, "open the new state");
    put(next, text);
    check(fsync(next) == 0, "fsync");
    close(next);
    int old = open(at("state", -1), O_RDWR);
    check(round == 0 ? old < 0 : old >= 0, "open the old state");
    check(rename(at("state.new", -1), at("state", -1)) == 0, "rename over an open file");
    if (old >= 0) {
      snprintf(other, sizeof other, "round %d of %d\n", round - 1, rounds);
      expect(old, other);
      put(old, "nobody sees this");
      close(old);
    }
    whole(at("state", -1), text);
    say(round, "replaced");

    check(symlink("state", at("link", round)) == 0, "symlink");
    check(symlink("state", at("link", round)) < 0 && errno == EEXIST, "a symlink that is there");
    char target[32] = {0};
    check(readlink(at("link", round), target, sizeof target - 1) == 5, "readlink");
    int through = open(at("link", round), O_WRONLY | O_APPEND);
    check(through >= 0, "open through a symlink");
    put(through, "through\n");
    close(through);
    if (round > 0) check(unlink(at("link", round - 1)) == 0, "unlink a symlink");
    snprintf(other, sizeof other, "%sthrough\n", text);
    whole(at("state", -1), other);
    check(truncate(at("state", -1), (off_t)strlen(text)) == 0, "truncate by name");
    say(round, "linked");

    work(amount);
    check(link(at("diary", -1), at("copy", round)) == 0, "link");
    if (round > 1) check(unlink(at("copy", round - 2)) == 0, "unlink a link");
    check(mkdir(at("folder", round), 0755) == 0, "mkdir");
    check(mkdir(at("folder", round), 0755) < 0 && errno == EEXIST, "a folder that is there");
    if (round > 0) check(rmdir(at("folder", round - 1)) == 0, "rmdir");
    check(rename(at("folder", round), at("moved", -1)) == 0 && rename(at("moved", -1), at("folder", round)) == 0, "move");
    say(round, "folders");

    snprintf(other, sizeof other, "%04d|", round % 10000);
    check(pwrite(table, other, 5, (off_t)(round % 7) * 5) == 5, "pwrite");
    check(lseek(table, (off_t)(round % 5) * 5, SEEK_SET) >= 0, "seek in table");
    put(table, "....|");
    if (round % 9 == 8) check(ftruncate(table, 20) == 0, "ftruncate");
    check(fdatasync(table) == 0, "fdatasync");
    struct stat status;
    check(fstat(table, &status) == 0, "fstat");
    mixed += (unsigned)status.st_size;
    say(round, "table");
  }
  if (orphan >= 0) {
    expect(orphan, was);
    close(orphan);
  }
  check(unlink(at("link", rounds - 1)) == 0, "unlink the last symlink");
  close(table);
  close(diary);
  say(rounds, "done");
  return 7;
}
