// Exercises files below a folder (default /data): create, append, read back, seek, list, rename, truncate, unlink.
// Prints what it sees; a file stays open from the first line to the last, so a checkpoint always meets one.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[256];

static const char *at(const char *name) {
  static char paths[4][512];
  static int turn;
  char *path = paths[turn++ & 3];
  snprintf(path, 512, "%s/%s", base, name);
  return path;
}

static void check(int ok, const char *what) {
  if (ok) return;
  printf("%s: %s\n", what, strerror(errno));
  exit(1);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list(const char *folder) {
  DIR *dir = opendir(folder);
  check(dir != NULL, "opendir");
  char *names[64];
  int count = 0;
  for (struct dirent *entry; count < 64 && (entry = readdir(dir));)
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) names[count++] = strdup(entry->d_name);
  closedir(dir);
  qsort(names, (size_t)count, sizeof *names, by_name);
  printf("list:");
  for (int i = 0; i < count; i++) {
    printf(" %s", names[i]);
    free(names[i]);
  }
  printf("\n");
}

static void show(const char *name) {
  struct stat status;
  check(stat(at(name), &status) == 0, "stat");
  FILE *file = fopen(at(name), "r");
  check(file != NULL, "fopen for reading");
  char line[128];
  int lines = 0;
  unsigned sum = 0;
  while (fgets(line, sizeof line, file)) {
    lines++;
    for (char *c = line; *c; c++) sum = sum * 31 + (unsigned char)*c;
  }
  fclose(file);
  printf("%s: %lld bytes, %d lines, sum %08x\n", name, (long long)status.st_size, lines, sum);
}

int main(int argc, char **argv) {
  snprintf(base, sizeof base, "%s", argc > 1 ? argv[1] : "/data");
  int journal = open(at("journal.txt"), O_CREAT | O_TRUNC | O_RDWR | O_APPEND, 0644);
  check(journal >= 0, "open journal");
  check(mkdir(at("inner"), 0755) == 0, "mkdir");
  for (int i = 0; i < 8; i++) {
    char name[32];
    snprintf(name, sizeof name, "inner/part-%d.txt", i);
    FILE *file = fopen(at(name), "w");
    check(file != NULL, "fopen for writing");
    for (int line = 0; line <= i * 3; line++) fprintf(file, "part %d line %d\n", i, line);
    fclose(file);
    dprintf(journal, "wrote %s\n", name);
  }
  list(at("inner"));

  FILE *more = fopen(at("inner/part-2.txt"), "a");
  check(more != NULL, "fopen for appending");
  fputs("one line more\n", more);
  fclose(more);
  show("inner/part-2.txt");

  check(rename(at("inner/part-3.txt"), at("moved.txt")) == 0, "rename");
  show("moved.txt");
  check(unlink(at("inner/part-4.txt")) == 0, "unlink");
  list(at("inner"));

  int fd = open(at("inner/part-7.txt"), O_RDWR);
  check(fd >= 0, "open");
  char word[7] = {0};
  check(lseek(fd, -7, SEEK_END) > 0 && read(fd, word, 6) == 6, "read at the end");
  printf("end of part-7: %s at %lld\n", word, (long long)lseek(fd, 0, SEEK_CUR));
  check(pwrite(fd, "PART", 4, 0) == 4, "pwrite");
  check(ftruncate(fd, 45) == 0, "ftruncate");
  close(fd);
  show("inner/part-7.txt");

  check(open(at("nowhere/x"), O_RDONLY) < 0, "a missing file was opened");
  printf("missing: %s\n", strerror(errno));
  check(rmdir(at("inner")) < 0, "a full folder was removed");
  printf("not empty: %s\n", strerror(errno));

  dprintf(journal, "done\n");
  check(lseek(journal, 0, SEEK_SET) == 0, "seek in journal");
  char text[512];
  ssize_t length = read(journal, text, sizeof text - 1);
  check(length > 0, "read journal");
  text[length] = 0;
  printf("journal:\n%s", text);
  close(journal);
  list(base);
  return 0;
}
