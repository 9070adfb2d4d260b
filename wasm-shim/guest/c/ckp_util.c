/* See ckp_util.h; the format is in docs/format.md, "Checkpoint files". The same as runtime/store/checkpoint-file. */
#include "ckp_util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Words are read in place, and the format is little-endian."
#endif

enum {
  PAGE = 4096,
  DATA_HEADER = 32,
  INDEX_HEADER = 16,
  FIXED = 64,
  GROUP_WORDS = 4,
  REGION_BYTES = 24,
  MAX_NAME = 255,
  MAX_DEPTH = 64,
  BUFFER_PAGES = 16
};
#define RECORD_MAGIC 0x52504b43u
/* Kinds of records. */
enum { SAVE = 0, REMOVAL = 1 };
#define MAX_LENGTH ((uint64_t)1 << 34)

static const unsigned char data_magic[8] = {0x89, 'S', 'T', 'A', 'S', 'C', 'K', 'P'};
static const unsigned char index_magic[8] = {0x89, 'S', 'T', 'A', 'S', 'C', 'K', 'I'};

/* A stored page. The bytes missing to 4 KiB are zeros; `size` 0: it is deflated. `source`: not written yet. */
struct page {
  uint64_t at;
  const unsigned char *source;
  uint32_t checksum;
  uint32_t size;
};

struct version {
  uint64_t file_version;
  uint64_t length;
  uint64_t runs_at;
  uint32_t runs;
  uint32_t number;
  uint32_t base;
};

struct ckp_region {
  struct ckp_file *file;
  struct ckp_region *next;
  unsigned char *memory;
  size_t length;
  int registered;
  int restored;
  struct version *versions;
  uint32_t count;
  /* The pages of version number `table_of`, or NULL. */
  uint32_t *table;
  uint32_t table_of;
  char name[MAX_NAME + 1];
};

struct ckp_file {
  int data;
  int index;
  int replace;
  int durable;
  uint64_t end;
  uint64_t index_end;
  uint64_t first_version;
  uint64_t newest;
  uint32_t checksum;
  struct page *pages;
  uint32_t page_count;
  uint32_t page_room;
  /* Page numbers by checksum, open addressing. */
  uint32_t *slots;
  uint32_t slot_count;
  /* Ascending, without those that were removed. */
  uint64_t *file_versions;
  uint32_t file_version_count;
  struct ckp_region *regions;
};

struct migration {
  struct migration *next;
  CkpMigration migrate;
  size_t from;
  char name[MAX_NAME + 1];
};
static struct migration *migrations;

static char message[256] = "Nothing has failed.";
static unsigned char buffer[BUFFER_PAGES * PAGE];

const char *ckpMessage(void) { return message; }

#define FAIL(code, ...) (snprintf(message, sizeof message, __VA_ARGS__), errno = (code), -1)
#define DAMAGED(at) FAIL(EBADMSG, "The checkpoint file is damaged at byte %llu.", (unsigned long long)(at))

static int fail_system(const char *what) {
  int code = errno;
  snprintf(message, sizeof message, "%s: %s.", what, strerror(code));
  errno = code;
  return -1;
}

static uint32_t crc32(uint32_t seed, const void *bytes, size_t size) {
  static uint32_t tables[4][256];
  const unsigned char *at = bytes;
  uint32_t crc = ~seed;
  if (tables[0][1] == 0) {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
      tables[0][i] = value;
    }
    for (int t = 1; t < 4; t++)
      for (int i = 0; i < 256; i++) tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 255];
  }
  for (; size >= 4; size -= 4, at += 4) {
    uint32_t word;
    memcpy(&word, at, 4);
    crc ^= word;
    crc = tables[3][crc & 255] ^ tables[2][crc >> 8 & 255] ^ tables[1][crc >> 16 & 255] ^ tables[0][crc >> 24];
  }
  while (size-- > 0) crc = crc >> 8 ^ tables[0][(crc ^ *at++) & 255];
  return ~crc;
}

static uint64_t page_count_of(uint64_t length) { return (length + PAGE - 1) / PAGE; }
static uint64_t align(uint64_t size, uint64_t to) { return (size + to - 1) / to * to; }
static uint32_t word_at(const unsigned char *at) { uint32_t word; memcpy(&word, at, 4); return word; }
static uint64_t long_at(const unsigned char *at) { uint64_t value; memcpy(&value, at, 8); return value; }
static void put_word(unsigned char *at, uint32_t word) { memcpy(at, &word, 4); }
static void put_long(unsigned char *at, uint64_t value) { memcpy(at, &value, 8); }

static int read_at(int fd, void *target, size_t size, uint64_t at) {
  for (size_t done = 0; done < size;) {
    ssize_t count = pread(fd, (char *)target + done, size - done, (off_t)(at + done));
    if (count < 0) return fail_system("The checkpoint file cannot be read");
    if (count == 0) return DAMAGED(at + done);
    done += (size_t)count;
  }
  return 0;
}

static int write_at(int fd, const void *bytes, size_t size, uint64_t at) {
  for (size_t done = 0; done < size;) {
    ssize_t count = pwrite(fd, (const char *)bytes + done, size - done, (off_t)(at + done));
    if (count < 0) return fail_system("The checkpoint file cannot be written");
    done += (size_t)count;
  }
  return 0;
}

static int64_t size_of(int fd) {
  struct stat info;
  return fstat(fd, &info) < 0 ? -1 : (int64_t)info.st_size;
}

/* --- Pages ------------------------------------------------------------------------------------------------------ */

static uint32_t *slot_of(struct ckp_file *file, uint32_t checksum) {
  uint32_t mask = file->slot_count - 1;
  uint32_t slot = checksum * 0x9e3779b1u & mask;
  while (file->slots[slot] != 0 && file->pages[file->slots[slot]].checksum != checksum) slot = (slot + 1) & mask;
  return &file->slots[slot];
}

/* Makes the table of pages anew: larger, or without those that were not written. */
static int hash_pages(struct ckp_file *file, uint32_t count) {
  uint32_t room = 1024;
  while (room / 2 <= count) room *= 2;
  uint32_t *slots = calloc(room, sizeof *slots);
  if (slots == NULL) return fail_system("There is no memory for the table of pages");
  free(file->slots);
  file->slots = slots;
  file->slot_count = room;
  for (uint32_t page = 1; page <= file->page_count; page++) {
    uint32_t *slot = slot_of(file, file->pages[page].checksum);
    if (*slot == 0) *slot = page;
  }
  return 0;
}

/* Pages are numbered from 1. */
static int add_page(struct ckp_file *file, struct page page) {
  if (file->page_count + 2 > file->page_room) {
    uint32_t room = file->page_room == 0 ? 256 : file->page_room * 2;
    struct page *pages = realloc(file->pages, room * sizeof *pages);
    if (pages == NULL) return fail_system("There is no memory for the list of pages");
    file->pages = pages;
    file->page_room = room;
  }
  file->pages[++file->page_count] = page;
  if (file->page_count * 2 > file->slot_count) return hash_pages(file, file->page_count * 2);
  uint32_t *slot = slot_of(file, page.checksum);
  if (*slot == 0) *slot = file->page_count;
  return 0;
}

/* 1 where the stored page is these bytes, filled up with zeros; 0 where not; -1. */
static int is_page(struct ckp_file *file, uint32_t number, const unsigned char *bytes, size_t size) {
  static unsigned char other[PAGE];
  struct page *page = &file->pages[number];
  if (page->size == 0) return 0;
  memset(other, 0, PAGE);
  if (page->source != NULL) memcpy(other, page->source, page->size);
  else if (read_at(file->data, other, page->size, page->at) < 0) return -1;
  if (memcmp(other, bytes, size) != 0) return 0;
  for (size_t i = size; i < PAGE; i++)
    if (other[i] != 0) return 0;
  return 1;
}

/* Stores the page's number, 0 for zeros, in `number`; pages that stand nowhere yet are added to be written. */
static int place_page(struct ckp_file *file, const unsigned char *bytes, size_t size, uint32_t before, uint32_t *number) {
  static unsigned char padded[PAGE];
  size_t used = size;
  while (used > 0 && bytes[used - 1] == 0) used--;
  *number = 0;
  if (used == 0) return 0;
  const unsigned char *whole = bytes;
  if (size < PAGE) {
    memcpy(padded, bytes, size);
    memset(padded + size, 0, PAGE - size);
    whole = padded;
  }
  uint32_t checksum = crc32(0, whole, PAGE);
  uint32_t candidate = before != 0 && file->pages[before].checksum == checksum ? before : *slot_of(file, checksum);
  if (candidate != 0) {
    int same = is_page(file, candidate, bytes, size);
    if (same < 0) return -1;
    *number = candidate;
    if (same) return 0;
  }
  if (add_page(file, (struct page){.source = bytes, .checksum = checksum, .size = (uint32_t)size}) < 0) return -1;
  *number = file->page_count;
  return 0;
}

/* --- Tables of pages -------------------------------------------------------------------------------------------- */

/* The numbers of a version's pages, allocated; NULL with errno. */
static uint32_t *table_of(struct ckp_region *region, const struct version *version) {
  size_t pages = (size_t)page_count_of(version->length);
  uint32_t *table = calloc(pages + 1, sizeof *table);
  if (table == NULL) {
    fail_system("There is no memory for the table of a region");
    return NULL;
  }
  const struct version *first = version;
  while (first->base != 0) first--;
  for (; first <= version; first++) {
    for (uint32_t run = 0; run < first->runs; run++) {
      uint32_t words[3];
      if (read_at(region->file->data, words, sizeof words, first->runs_at + (uint64_t)run * 12) < 0) {
        free(table);
        return NULL;
      }
      /* Checked when the file was opened; the file may have been changed since. */
      if ((uint64_t)words[0] + words[1] > pages || (uint64_t)words[2] + words[1] > (uint64_t)region->file->page_count + 1) {
        free(table);
        DAMAGED(first->runs_at);
        return NULL;
      }
      for (uint32_t i = 0; i < words[1]; i++) table[words[0] + i] = words[2] == 0 ? 0 : words[2] + i;
    }
  }
  return table;
}

/* Writes the runs in which a table differs from `base` (or from nothing but zeros), and returns how many there are. */
static uint32_t put_runs(const uint32_t *table, const uint32_t *base, size_t pages, uint32_t *runs) {
  uint32_t count = 0;
  for (size_t first = 0; first < pages;) {
    uint32_t page = table[first];
    if (page == (base == NULL ? 0 : base[first])) {
      first++;
      continue;
    }
    size_t size = 1;
    while (first + size < pages && table[first + size] == (page == 0 ? 0 : page + size) &&
           table[first + size] != (base == NULL ? 0 : base[first + size]))
      size++;
    if (runs != NULL) {
      *runs++ = (uint32_t)first;
      *runs++ = (uint32_t)size;
      *runs++ = page;
    }
    count++;
    first += size;
  }
  return count;
}

/* --- Regions ---------------------------------------------------------------------------------------------------- */

static struct ckp_region *find_region(struct ckp_file *file, const char *name, size_t size) {
  for (struct ckp_region *region = file->regions; region != NULL; region = region->next)
    if (strlen(region->name) == size && memcmp(region->name, name, size) == 0) return region;
  return NULL;
}

static struct ckp_region *make_region(struct ckp_file *file, const char *name, size_t size) {
  struct ckp_region *region = find_region(file, name, size);
  if (region != NULL) return region;
  region = calloc(1, sizeof *region);
  if (region == NULL) {
    fail_system("There is no memory for a region");
    return NULL;
  }
  memcpy(region->name, name, size);
  region->file = file;
  struct ckp_region **last = &file->regions;
  while (*last != NULL) last = &(*last)->next;
  return *last = region;
}

static int add_version(struct ckp_region *region, struct version version) {
  if ((region->count & (region->count + 1)) == 0) {
    struct version *versions = realloc(region->versions, (region->count + 1) * 2 * sizeof *versions);
    if (versions == NULL) return fail_system("There is no memory for the list of versions");
    region->versions = versions;
  }
  region->versions[region->count++] = version;
  return 0;
}

/* --- Reading a file --------------------------------------------------------------------------------------------- */

/* The head of the record at `at`, allocated, if it is whole and its payload is there; else NULL with errno 0, or errno. */
static unsigned char *read_head(struct ckp_file *file, uint64_t at, uint64_t size) {
  unsigned char fixed[FIXED];
  errno = 0;
  if (size - at < FIXED) return NULL;
  if (read_at(file->data, fixed, FIXED, at) < 0) return NULL;
  uint32_t head = word_at(fixed + 4);
  uint64_t payload = long_at(fixed + 8);
  errno = 0;
  if (word_at(fixed) != RECORD_MAGIC || head < FIXED || head % 8 != 0 || payload % 8 != 0) return NULL;
  if (payload > size - at || head > size - at - payload) return NULL;
  unsigned char *bytes = malloc(head);
  if (bytes == NULL) return NULL;
  if (read_at(file->data, bytes, head, at) == 0) {
    if (word_at(bytes + 60) == crc32(crc32(0, bytes, 60), bytes + FIXED, head - FIXED)) return bytes;
    errno = 0;
  }
  free(bytes);
  return NULL;
}

static void pass_record(struct ckp_file *file, const unsigned char *head) {
  uint32_t length = word_at(head + 4);
  file->checksum = word_at(head + 60);
  file->end += length + long_at(head + 8);
  file->index_end += length;
}

/* Takes versions off the list. What they hold stays, since others may refer to it. */
static int add_removal(struct ckp_file *file, const unsigned char *head) {
  uint32_t length = word_at(head + 4), note = word_at(head + 52);
  if (word_at(head + 32) != file->checksum || long_at(head + 16) != file->newest) return DAMAGED(file->end);
  if (word_at(head + 48) != file->page_count + 1 || long_at(head + 8) != 0) return DAMAGED(file->end);
  if (word_at(head + 36) != 0 || word_at(head + 40) != 0 || word_at(head + 44) != 0) return DAMAGED(file->end);
  if (note % 8 != 0 || (uint64_t)FIXED + note != length) return DAMAGED(file->end);
  for (uint32_t i = 0; i < note; i += 8) {
    uint64_t removed = long_at(head + FIXED + i);
    if (removed == 0 || removed > file->newest) return DAMAGED(file->end);
    uint32_t left = 0;
    for (uint32_t k = 0; k < file->file_version_count; k++)
      if (file->file_versions[k] != removed) file->file_versions[left++] = file->file_versions[k];
    file->file_version_count = left;
  }
  pass_record(file, head);
  return 0;
}

/* Takes what a head says into the lists. */
static int add_record(struct ckp_file *file, const unsigned char *head) {
  uint64_t at = file->end;
  uint32_t length = word_at(head + 4), previous = word_at(head + 32), regions = word_at(head + 36);
  uint32_t groups = word_at(head + 40), pages = word_at(head + 44), first = word_at(head + 48), note = word_at(head + 52);
  uint64_t file_version = long_at(head + 16), payload = 0, rest = length - FIXED;
  if (word_at(head + 56) == REMOVAL) return add_removal(file, head);
  if (word_at(head + 56) != SAVE) return FAIL(ENOTSUP, "The checkpoint file has a record of a newer kind.");
  if (previous != file->checksum || file_version <= file->newest || first != file->page_count + 1) return DAMAGED(at);
  if ((uint64_t)groups * 16 + (uint64_t)pages * 4 > rest) return DAMAGED(at);
  const unsigned char *group = head + FIXED, *checksums = group + groups * 16, *entry = checksums + pages * 4;
  uint32_t page = 0;
  for (uint32_t i = 0; i < groups; i++, group += 16) {
    uint32_t codec = word_at(group), count = word_at(group + 4), size = word_at(group + 8);
    if (count == 0 || count > pages - page || size == 0 || size > (uint64_t)count * PAGE || codec > 1) return DAMAGED(at);
    if (codec == 0 && size <= (uint64_t)(count - 1) * PAGE) return DAMAGED(at);
    for (uint32_t k = 0; k < count; k++, page++) {
      uint32_t left = codec == 0 ? size - k * PAGE : 0;
      struct page stored = {.at = at + length + payload + (uint64_t)k * PAGE, .checksum = word_at(checksums + page * 4)};
      stored.size = left < PAGE ? left : PAGE;
      if (add_page(file, stored) < 0) return -1;
    }
    payload += size;
  }
  if (page != pages || align(payload, 8) != long_at(head + 8)) return DAMAGED(at);
  for (uint32_t i = 0; i < regions; i++) {
    uint64_t left = (uint64_t)(head + length - entry);
    if (left < REGION_BYTES) return DAMAGED(at);
    uint32_t name = word_at(entry), runs = word_at(entry + 4);
    struct version version = {file_version, long_at(entry + 8), 0, runs, word_at(entry + 16), word_at(entry + 20)};
    if (name == 0 || name > MAX_NAME || version.length > MAX_LENGTH) return DAMAGED(at);
    if (REGION_BYTES + align(name, 4) + (uint64_t)runs * 12 > left) return DAMAGED(at);
    struct ckp_region *region = make_region(file, (const char *)entry + REGION_BYTES, name);
    if (region == NULL) return -1;
    const struct version *before = region->count == 0 ? NULL : &region->versions[region->count - 1];
    if (version.number <= (before == NULL ? 0 : before->number)) return DAMAGED(at);
    if (version.base != 0 && (before == NULL || before->number != version.base || before->length != version.length))
      return DAMAGED(at);
    entry += REGION_BYTES + align(name, 4);
    version.runs_at = at + (uint64_t)(entry - head);
    uint64_t next = 0;
    for (uint32_t run = 0; run < runs; run++, entry += 12) {
      uint64_t from = word_at(entry), count = word_at(entry + 4), stored = word_at(entry + 8);
      if (from < next || count == 0 || from + count > page_count_of(version.length)) return DAMAGED(at);
      if (stored != 0 && stored + count - 1 > file->page_count) return DAMAGED(at);
      next = from + count;
    }
    if (add_version(region, version) < 0) return -1;
  }
  if (align((uint64_t)(entry - head) + note, 8) != length) return DAMAGED(at);
  uint64_t *versions = realloc(file->file_versions, (file->file_version_count + 1) * sizeof *versions);
  if (versions == NULL) return fail_system("There is no memory for the list of versions");
  file->file_versions = versions;
  versions[file->file_version_count++] = file_version;
  file->newest = file_version;
  pass_record(file, head);
  return 0;
}

/* Whether a later record stands behind the last whole one: then what lies between is damaged, and no torn tail. */
static int has_record_behind(struct ckp_file *file, uint64_t size) {
  for (uint64_t from = file->end + 8; from + FIXED <= size; from += sizeof buffer) {
    size_t count = size - from < sizeof buffer ? (size_t)(size - from) : sizeof buffer;
    if (read_at(file->data, buffer, count, from) < 0) return -1;
    for (size_t at = 0; at + 4 <= count; at += 8) {
      if (word_at(buffer + at) != RECORD_MAGIC) continue;
      unsigned char *head = read_head(file, from + at, size);
      if (head == NULL) continue;
      int later = long_at(head + 16) > file->newest + 1;
      free(head);
      if (later) return 1;
    }
  }
  return 0;
}

static int write_header(struct ckp_file *file) {
  unsigned char header[DATA_HEADER] = {0};
  memcpy(header, data_magic, 8);
  put_word(header + 8, 1);
  put_word(header + 12, PAGE);
  put_long(header + 16, 1);
  put_word(header + 28, crc32(0, header, 28));
  if (ftruncate(file->data, 0) < 0) return fail_system("The checkpoint file cannot be made");
  return write_at(file->data, header, DATA_HEADER, 0);
}

static int read_header(struct ckp_file *file, int64_t size) {
  unsigned char header[DATA_HEADER];
  size_t known = size < DATA_HEADER ? (size_t)size : DATA_HEADER;
  if (read_at(file->data, header, known, 0) < 0) return -1;
  if (memcmp(header, data_magic, known < 8 ? known : 8) != 0) return FAIL(EINVAL, "This is no checkpoint file.");
  /* A crash while it was made. */
  if (known < DATA_HEADER) return write_header(file) < 0 ? -1 : read_header(file, DATA_HEADER);
  if (word_at(header + 8) != 1) return FAIL(ENOTSUP, "The checkpoint file has format version %u.", word_at(header + 8));
  if (word_at(header + 28) != crc32(0, header, 28) || word_at(header + 12) != PAGE) return DAMAGED(28);
  file->first_version = long_at(header + 16);
  file->checksum = word_at(header + 28);
  file->end = DATA_HEADER;
  file->index_end = INDEX_HEADER;
  return 0;
}

/* Leaves the index where its length and its last head are the data's, and makes it anew otherwise. */
static int bring_index(struct ckp_file *file, uint32_t header_checksum, uint64_t last, uint32_t last_length) {
  unsigned char header[INDEX_HEADER] = {0}, found[INDEX_HEADER], ours[FIXED], theirs[FIXED];
  memcpy(header, index_magic, 8);
  put_word(header + 8, 1);
  put_word(header + 12, header_checksum);
  if (size_of(file->index) == (int64_t)file->index_end && read_at(file->index, found, INDEX_HEADER, 0) == 0 &&
      memcmp(header, found, INDEX_HEADER) == 0) {
    if (last_length == 0) return 0;
    if (read_at(file->data, ours, FIXED, last) == 0 &&
        read_at(file->index, theirs, FIXED, file->index_end - last_length) == 0 && memcmp(ours, theirs, FIXED) == 0)
      return 0;
  }
  if (ftruncate(file->index, 0) < 0) return fail_system("The index cannot be written");
  if (write_at(file->index, header, INDEX_HEADER, 0) < 0) return -1;
  uint64_t to = INDEX_HEADER;
  for (uint64_t at = DATA_HEADER; at < file->end;) {
    unsigned char *head = read_head(file, at, file->end);
    if (head == NULL) return DAMAGED(at);
    uint32_t length = word_at(head + 4);
    int done = write_at(file->index, head, length, to);
    at += length + long_at(head + 8);
    to += length;
    free(head);
    if (done < 0) return -1;
  }
  return 0;
}

static int load(struct ckp_file *file) {
  int64_t size = size_of(file->data);
  if (size < 0) return fail_system("The checkpoint file cannot be read");
  if (hash_pages(file, 0) < 0 || read_header(file, size) < 0) return -1;
  size = size_of(file->data);
  uint32_t header_checksum = file->checksum, last_length = 0;
  uint64_t last = 0;
  unsigned char *head;
  while ((head = read_head(file, file->end, (uint64_t)size)) != NULL) {
    last = file->end;
    last_length = word_at(head + 4);
    int added = add_record(file, head);
    free(head);
    if (added < 0) return -1;
  }
  if (errno != 0) return fail_system("The checkpoint file cannot be read");
  if ((uint64_t)size > file->end) {
    int behind = has_record_behind(file, (uint64_t)size);
    if (behind != 0) return behind < 0 ? -1 : DAMAGED(file->end);
    if (ftruncate(file->data, (off_t)file->end) < 0) return fail_system("A torn save cannot be cut");
  }
  return bring_index(file, header_checksum, last, last_length);
}

/* --- Saving ----------------------------------------------------------------------------------------------------- */

/* What is saved of one region: the table of its pages and, where `base` is not 0, the one it tells the difference to. */
struct state {
  struct ckp_region *region;
  uint32_t *table;
  uint32_t *before;
  uint32_t base;
  uint32_t runs;
};

static const struct version *newest_of(const struct ckp_region *region) {
  return region->count == 0 ? NULL : &region->versions[region->count - 1];
}

static int collect(struct ckp_file *file, struct state *state) {
  struct ckp_region *region = state->region;
  const struct version *newest = newest_of(region);
  size_t pages = (size_t)page_count_of(region->length);
  if (newest != NULL && newest->length == region->length) {
    if (region->table == NULL || region->table_of != newest->number) {
      free(region->table);
      region->table = table_of(region, newest);
      region->table_of = newest->number;
      if (region->table == NULL) return -1;
    }
    state->before = region->table;
  }
  state->table = calloc(pages + 1, sizeof *state->table);
  if (state->table == NULL) return fail_system("There is no memory for the table of a region");
  for (size_t i = 0; i < pages; i++) {
    size_t at = i * PAGE, size = region->length - at < PAGE ? region->length - at : PAGE;
    if (place_page(file, region->memory + at, size, state->before == NULL ? 0 : state->before[i], &state->table[i]) < 0)
      return -1;
  }
  uint32_t depth = 1;
  for (const struct version *at = newest; at != NULL && at->base != 0; at--) depth++;
  state->runs = put_runs(state->table, NULL, pages, NULL);
  if (state->before != NULL && depth < MAX_DEPTH) {
    uint32_t changes = put_runs(state->table, state->before, pages, NULL);
    if (changes < state->runs) {
      state->runs = changes;
      state->base = newest->number;
    }
  }
  return 0;
}

/* A group ends behind a page that is not whole. Returns how many there are; writes them where `to` is not NULL. */
static uint32_t put_groups(const struct ckp_file *file, uint32_t first, unsigned char *to, uint64_t *payload) {
  uint32_t count = 0;
  *payload = 0;
  for (uint32_t page = first; page <= file->page_count; count++) {
    uint32_t pages = 0, size = 0;
    do size += file->pages[page + pages].size;
    while (file->pages[page + pages++].size == PAGE && page + pages <= file->page_count && pages < 0xffff);
    if (to != NULL) {
      put_word(to + count * 16 + 4, pages);
      put_word(to + count * 16 + 8, size);
    }
    *payload += size;
    page += pages;
  }
  return count;
}

static unsigned char *build_head(struct ckp_file *file, uint32_t first, const struct state *states, uint32_t count) {
  uint64_t payload;
  uint32_t groups = put_groups(file, first, NULL, &payload), pages = file->page_count - first + 1;
  size_t length = FIXED + (size_t)groups * 16 + (size_t)pages * 4;
  for (uint32_t i = 0; i < count; i++)
    length += REGION_BYTES + (size_t)align(strlen(states[i].region->name), 4) + (size_t)states[i].runs * 12;
  length = (size_t)align(length, 8);
  unsigned char *head = calloc(1, length);
  if (head == NULL) {
    fail_system("There is no memory for a save");
    return NULL;
  }
  struct timespec now = {0, 0};
  clock_gettime(CLOCK_REALTIME, &now);
  put_word(head, RECORD_MAGIC);
  put_word(head + 4, (uint32_t)length);
  put_long(head + 8, align(payload, 8));
  put_long(head + 16, file->newest + 1);
  put_long(head + 24, (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
  put_word(head + 32, file->checksum);
  put_word(head + 36, count);
  put_word(head + 40, groups);
  put_word(head + 44, pages);
  put_word(head + 48, first);
  put_groups(file, first, head + FIXED, &payload);
  unsigned char *at = head + FIXED + groups * 16;
  for (uint32_t page = first; page <= file->page_count; page++, at += 4) put_word(at, file->pages[page].checksum);
  for (uint32_t i = 0; i < count; i++) {
    const struct state *state = &states[i];
    const struct version *newest = newest_of(state->region);
    size_t name = strlen(state->region->name);
    put_word(at, (uint32_t)name);
    put_word(at + 4, state->runs);
    put_long(at + 8, state->region->length);
    put_word(at + 16, newest == NULL ? 1 : newest->number + 1);
    put_word(at + 20, state->base);
    memcpy(at + REGION_BYTES, state->region->name, name);
    at += REGION_BYTES + align(name, 4);
    const uint32_t *base = state->base == 0 ? NULL : state->before;
    put_runs(state->table, base, (size_t)page_count_of(state->region->length), (uint32_t *)at);
    at += (size_t)state->runs * 12;
  }
  put_word(head + 60, crc32(crc32(0, head, 60), head + FIXED, length - FIXED));
  return head;
}

static int write_record(struct ckp_file *file, const unsigned char *head, uint32_t first) {
  uint64_t to = file->end + word_at(head + 4), payload_end = to + long_at(head + 8);
  if (write_at(file->data, head, word_at(head + 4), file->end) < 0) return -1;
  for (uint32_t page = first; page <= file->page_count;) {
    const unsigned char *source = file->pages[page].source;
    size_t size = 0;
    /* Pages that follow each other in memory are written at once. */
    do size += file->pages[page].size;
    while (++page <= file->page_count && file->pages[page].source == source + size);
    if (write_at(file->data, source, size, to) < 0) return -1;
    to += size;
  }
  static const unsigned char zeros[8];
  if (write_at(file->data, zeros, (size_t)(payload_end - to), to) < 0) return -1;
  if (file->durable && fsync(file->data) < 0) return fail_system("The checkpoint file cannot be flushed");
  return 0;
}

/* Forgets pages that were not written. */
static void forget_pages(struct ckp_file *file, uint32_t first) {
  int code = errno;
  file->page_count = first - 1;
  memset(file->slots, 0, file->slot_count * sizeof *file->slots);
  for (uint32_t page = 1; page < first; page++) {
    uint32_t *slot = slot_of(file, file->pages[page].checksum);
    if (*slot == 0) *slot = page;
  }
  errno = code;
}

static int save(struct ckp_file *file, struct state *states, uint32_t count) {
  if (size_of(file->data) != (int64_t)file->end)
    return FAIL(EBUSY, "Somebody else has written to the checkpoint file since it was opened.");
  uint32_t first = file->page_count + 1;
  unsigned char *head = NULL;
  int result = 0;
  for (uint32_t i = 0; i < count && result == 0; i++) result = collect(file, &states[i]);
  if (result == 0 && (head = build_head(file, first, states, count)) == NULL) result = -1;
  if (result == 0 && (result = write_record(file, head, first)) < 0) {
    int code = errno;
    ftruncate(file->data, (off_t)file->end);
    errno = code;
  }
  /* The lists learn of it as they would from a file. */
  forget_pages(file, first);
  uint64_t index_end = file->index_end;
  if (result == 0) result = add_record(file, head);
  /* A version is saved even if the index cannot be written: whoever opens the file next brings it up to date. */
  if (result == 0) write_at(file->index, head, word_at(head + 4), index_end);
  for (uint32_t i = 0; i < count; i++) {
    struct ckp_region *region = states[i].region;
    if (result < 0) {
      free(states[i].table);
      continue;
    }
    free(region->table);
    region->table = states[i].table;
    region->table_of = newest_of(region)->number;
  }
  free(head);
  return result;
}

/* --- Restoring -------------------------------------------------------------------------------------------------- */

/* With `target` NULL the pages are checked, else read to it. */
static int read_pages(struct ckp_file *file, const uint32_t *table, size_t length, unsigned char *target) {
  size_t pages = (size_t)page_count_of(length);
  for (size_t i = 0; i < pages;) {
    struct page *page = &file->pages[table[i]];
    size_t left = length - i * PAGE, count = 1;
    if (table[i] == 0) {
      if (target != NULL) memset(target + i * PAGE, 0, left < PAGE ? left : PAGE);
      i++;
      continue;
    }
    if (page->size == 0) return FAIL(ENOTSUP, "The version is deflated: restore it by the host.");
    while (page[count - 1].size == PAGE && i + count < pages && table[i + count] == table[i] + count &&
           page[count].at == page->at + count * PAGE && page[count].size != 0 && count < BUFFER_PAGES)
      count++;
    size_t stored = (count - 1) * PAGE + page[count - 1].size;
    if (target != NULL) {
      size_t wanted = left < count * PAGE ? left : count * PAGE, present = stored < wanted ? stored : wanted;
      if (read_at(file->data, target + i * PAGE, present, page->at) < 0) return -1;
      memset(target + i * PAGE + present, 0, wanted - present);
    } else {
      memset(buffer, 0, count * PAGE);
      if (read_at(file->data, buffer, stored, page->at) < 0) return -1;
      for (size_t k = 0; k < count; k++)
        if (crc32(0, buffer + k * PAGE, PAGE) != page[k].checksum) return DAMAGED(page[k].at);
    }
    i += count;
  }
  return 0;
}

/* Index of the version that `wanted` means among `count` with the numbers first to last; -1 with errno. */
static int64_t resolve(int wanted, int64_t count) {
  if (wanted > 0) return wanted;
  return count + wanted > 0 ? count + wanted - 1 : -1;
}

static int no_version(const char *of, int wanted, uint64_t first, uint64_t last, uint32_t count) {
  if (count == 0) return FAIL(ERANGE, "%s has no version %d. Nothing was saved yet.", of, wanted);
  return FAIL(ERANGE, "%s has no version %d. There are %llu to %llu, or 0 for the newest to %d for the oldest.", of, wanted,
              (unsigned long long)first, (unsigned long long)last, 1 - (int)count);
}

/* Whether a version of the file that was not removed has it. */
static int is_listed(const struct ckp_region *region, uint32_t at) {
  const struct ckp_file *file = region->file;
  uint64_t from = region->versions[at].file_version;
  uint32_t low = 0, high = file->file_version_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (file->file_versions[middle] < from) low = middle + 1;
    else high = middle;
  }
  if (low == file->file_version_count) return 0;
  return at + 1 == region->count || file->file_versions[low] < region->versions[at + 1].file_version;
}

static const struct version *find_version(const struct ckp_region *region, int wanted) {
  const struct version *found = NULL;
  uint32_t first = 0, last = 0, count = 0;
  for (uint32_t i = 0; i < region->count; i++) {
    if (!is_listed(region, i)) continue;
    last = region->versions[i].number;
    if (count++ == 0) first = last;
  }
  int64_t left = wanted > 0 ? -1 : resolve(wanted, count);
  for (uint32_t i = 0; i < region->count && found == NULL; i++) {
    if (!is_listed(region, i)) continue;
    if (wanted > 0 ? region->versions[i].number == (uint32_t)wanted : left-- == 0) found = &region->versions[i];
  }
  if (found == NULL) no_version(region->name, wanted, first, last, count);
  return found;
}

static struct migration *find_migration(const char *name, uint64_t from) {
  for (struct migration *at = migrations; at != NULL; at = at->next)
    if (at->from == from && strcmp(at->name, name) == 0) return at;
  return NULL;
}

static int run_migration(const struct migration *migration, const void *old, void *memory, size_t length) {
  errno = 0;
  if (migration->migrate(old, migration->from, memory, length) == 0) return 0;
  return FAIL(errno == 0 ? EINVAL : errno, "The migration of %s from %zu to %zu bytes has failed.", migration->name,
              migration->from, length);
}

/* Reads a version of another length, and makes of it what the region is now. */
static int migrate_version(struct ckp_region *region, const struct version *version, const uint32_t *table) {
  const struct migration *migration = find_migration(region->name, version->length);
  unsigned char *old = malloc((size_t)version->length + 1);
  if (old == NULL) return fail_system("There is no memory for a migration");
  int result = read_pages(region->file, table, (size_t)version->length, old);
  if (result == 0) result = run_migration(migration, old, region->memory, region->length);
  free(old);
  return result;
}

/* First all is checked, then all is read: a region is left alone when something is damaged. */
static int put_back(struct ckp_region *region, const struct version *version, int check) {
  int same = version->length == region->length;
  if (!same && find_migration(region->name, version->length) == NULL)
    return FAIL(EINVAL, "Version %u of %s has %llu bytes.", version->number, region->name, (unsigned long long)version->length);
  uint32_t *table = table_of(region, version);
  if (table == NULL) return -1;
  int result = check || same ? read_pages(region->file, table, (size_t)version->length, check ? NULL : region->memory)
                             : migrate_version(region, version, table);
  free(table);
  return result;
}

/* --- What programs call ----------------------------------------------------------------------------------------- */

static int parse_options(struct ckp_file *file, const char *options) {
  while (options != NULL && *options != 0) {
    size_t size = strcspn(options, ",");
    if (size == 7 && memcmp(options, "replace", 7) == 0) file->replace = 1;
    else if (size == 7 && memcmp(options, "durable", 7) == 0) file->durable = 1;
    else return FAIL(EINVAL, "\"%s\" is no option of a checkpoint file: replace, durable.", options);
    options += size + (options[size] == ',');
  }
  return 0;
}

int ckpOpen(const char *pathname, const char *options, CheckpointFile *result) {
  struct ckp_file *file = calloc(1, sizeof *file);
  char *index = malloc(strlen(pathname) + sizeof ".index");
  if (file == NULL || index == NULL) {
    free(file);
    free(index);
    return fail_system("There is no memory for a checkpoint file");
  }
  strcat(strcpy(index, pathname), ".index");
  file->data = file->index = -1;
  int done = parse_options(file, options);
  if (done == 0 && (file->data = open(pathname, O_RDWR | O_CREAT, 0600)) < 0) done = fail_system(pathname);
  if (done == 0) {
    /* Without an index it works as well. */
    file->index = open(index, O_RDWR | O_CREAT, 0600);
    done = load(file);
  }
  free(index);
  if (done == 0) *result = file;
  else {
    int code = errno;
    ckpClose(file);
    errno = code;
  }
  return done;
}

int ckpMigrate(const char *name, size_t from_length, CkpMigration migrate) {
  size_t size = strlen(name);
  if (size == 0 || size > MAX_NAME) return FAIL(EINVAL, "A region's name has 1 to 255 bytes.");
  struct migration *migration = find_migration(name, from_length);
  if (migration == NULL) {
    if ((migration = calloc(1, sizeof *migration)) == NULL) return fail_system("There is no memory for a migration");
    memcpy(migration->name, name, size);
    migration->from = from_length;
    migration->next = migrations;
    migrations = migration;
  }
  migration->migrate = migrate;
  return 0;
}

static int adopt(struct ckp_region *region, void *address, size_t length);
static void forget(const struct ckp_region *region);

int ckpRegister(CheckpointFile file, const char *name, void *address, size_t length, Checkpoint *checkpoint) {
  size_t size = strlen(name);
  if (size == 0 || size > MAX_NAME || (uint64_t)length > MAX_LENGTH) return FAIL(EINVAL, "A region's name has 1 to 255 bytes.");
  struct ckp_region *region = make_region(file, name, size);
  if (region == NULL) return -1;
  uint64_t known = region->registered ? region->length : region->count > 0 ? newest_of(region)->length : length;
  if (known != length && !file->replace && find_migration(name, known) == NULL)
    return FAIL(EEXIST, "The region %s has %llu bytes. Open the file with \"replace\" to change that.", name,
                (unsigned long long)known);
  if (adopt(region, address, length) < 0) return -1;
  region->memory = address;
  region->length = length;
  region->registered = 1;
  if (checkpoint != NULL) *checkpoint = region;
  return 0;
}

static int check(Checkpoint region) {
  return region->registered ? 0 : FAIL(EINVAL, "The region %s is not registered.", region->name);
}

int ckpSave(Checkpoint checkpoint) {
  struct state state = {.region = checkpoint};
  return check(checkpoint) < 0 ? -1 : save(checkpoint->file, &state, 1);
}

int ckpSaveAll(CheckpointFile file) {
  uint32_t count = 0;
  for (struct ckp_region *region = file->regions; region != NULL; region = region->next) count += region->registered != 0;
  struct state *states = calloc(count + 1, sizeof *states);
  if (states == NULL) return fail_system("There is no memory for a save");
  count = 0;
  for (struct ckp_region *region = file->regions; region != NULL; region = region->next)
    if (region->registered) states[count++].region = region;
  int result = save(file, states, count);
  free(states);
  return result;
}

int ckpRestore(Checkpoint checkpoint, int version) {
  if (check(checkpoint) < 0) return -1;
  const struct version *found = find_version(checkpoint, version);
  if (found == NULL || put_back(checkpoint, found, 1) < 0) return -1;
  return put_back(checkpoint, found, 0);
}

int ckpRestoreAll(CheckpointFile file, int version) {
  uint32_t first = 0;
  while (first < file->file_version_count && file->file_versions[first] < file->first_version) first++;
  uint32_t count = file->file_version_count - first;
  int64_t at = version > 0 ? -1 : resolve(version, count);
  for (uint32_t i = 0; version > 0 && i < count; i++)
    if (file->file_versions[first + i] == (uint64_t)version) at = i;
  if (at < 0)
    return no_version("The checkpoint file", version, count == 0 ? 0 : file->file_versions[first],
                      count == 0 ? 0 : file->file_versions[first + count - 1], count);
  uint64_t wanted = file->file_versions[first + at];
  for (int checking = 1; checking >= 0; checking--)
    for (struct ckp_region *region = file->regions; region != NULL; region = region->next) {
      if (!region->registered) continue;
      const struct version *found = NULL;
      for (uint32_t i = 0; i < region->count && region->versions[i].file_version <= wanted; i++) found = &region->versions[i];
      if (found == NULL)
        return FAIL(ERANGE, "The region %s had not been saved by version %llu.", region->name, (unsigned long long)wanted);
      if (put_back(region, found, checking) < 0) return -1;
    }
  return 0;
}

int ckpLocate(CheckpointFile file, const char *name, Checkpoint *checkpoint) {
  struct ckp_region *region = find_region(file, name, strlen(name));
  if (region == NULL || !region->registered) return FAIL(ENOENT, "No region %s is registered.", name);
  *checkpoint = region;
  return 0;
}

int ckpUnregister(Checkpoint checkpoint) {
  if (check(checkpoint) < 0) return -1;
  checkpoint->registered = 0;
  forget(checkpoint);
  return 0;
}

int ckpClose(CheckpointFile file) {
  int result = 0;
  for (struct ckp_region *region = file->regions, *next; region != NULL; region = next) {
    next = region->next;
    if (region->registered) forget(region);
    free(region->versions);
    free(region->table);
    free(region);
  }
  if (file->data >= 0 && close(file->data) < 0) result = fail_system("The checkpoint file cannot be closed");
  if (file->index >= 0) close(file->index);
  free(file->pages);
  free(file->slots);
  free(file->file_versions);
  free(file);
  return result;
}

/* --- The whole program ------------------------------------------------------------------------------------------ */

int ckp_restored(Checkpoint checkpoint) { return checkpoint->restored; }

#ifdef CKP_STASIS

#define IMPORT(name) __attribute__((import_module("stasis"), import_name(name)))
IMPORT("present") int32_t ckp_import_present(void);
IMPORT("checkpoint") int32_t ckp_import_checkpoint(void);
IMPORT("disable") int32_t ckp_import_disable(void);
IMPORT("enable") int32_t ckp_import_enable(void);
IMPORT("label") int32_t ckp_import_label(const char *text, size_t size);
IMPORT("region")
int32_t ckp_import_region(const char *name, size_t size, void *address, size_t length, uint32_t *filled, uint32_t *saved);
IMPORT("region_saved")
int32_t ckp_import_region_saved(const char *name, size_t size, void *bytes, size_t length, uint32_t *read);
IMPORT("region_forget") int32_t ckp_import_region_forget(const char *name, size_t size, const void *address);

static int fail_stasis(int code, const char *what) {
  errno = code;
  return code == 0 ? 0 : fail_system(what);
}

int ckp_is_stasis(void) { return ckp_import_present(); }
int ckp_checkpoint(void) {
  int result = ckp_import_checkpoint();
  return result < 0 ? fail_stasis(-result, "No checkpoint was taken") : result;
}
int ckp_disable(void) { return fail_stasis(ckp_import_disable(), "Checkpoints cannot be disabled"); }
int ckp_enable(void) { return fail_stasis(ckp_import_enable(), "Checkpoints cannot be enabled"); }
int ckp_label(const char *text) { return fail_stasis(ckp_import_label(text, strlen(text)), "This is no label"); }

static void forget(const struct ckp_region *region) {
  ckp_import_region_forget(region->name, strlen(region->name), region->memory);
}

static int adopt_migrated(struct ckp_region *region, void *address, size_t length, uint32_t saved) {
  const struct migration *migration = find_migration(region->name, saved);
  if (migration == NULL)
    return FAIL(EINVAL, "The region %s has %zu bytes, and had %u in the checkpoint: ckpMigrate tells how to get from there.",
                region->name, length, saved);
  unsigned char *old = malloc((size_t)saved + 1);
  uint32_t read = 0;
  if (old == NULL) return fail_system("There is no memory for a migration");
  int result = fail_stasis(ckp_import_region_saved(region->name, strlen(region->name), old, saved, &read),
                           "The saved region cannot be read");
  if (result == 0) result = run_migration(migration, old, address, length);
  free(old);
  return result;
}

/* Tells the host of a region, which fills it where the program is restored from an older one's checkpoint. */
static int adopt(struct ckp_region *region, void *address, size_t length) {
  size_t size = strlen(region->name);
  uint32_t filled = 0, saved = UINT32_MAX;
  if (fail_stasis(ckp_import_region(region->name, size, address, length, &filled, &saved), region->name) < 0) return -1;
  region->restored = saved == UINT32_MAX ? 0 : saved == length ? 1 : 2;
  if (region->restored < 2 || adopt_migrated(region, address, length, saved) == 0) return 0;
  int code = errno;
  region->restored = 0;
  ckp_import_region_forget(region->name, size, address);
  errno = code;
  return -1;
}

#else

int ckp_is_stasis(void) { return 0; }
int ckp_checkpoint(void) { return 0; }
int ckp_disable(void) { return 0; }
int ckp_enable(void) { return 0; }
int ckp_label(const char *text) { (void)text; return 0; }

static void forget(const struct ckp_region *region) { (void)region; }
static int adopt(struct ckp_region *region, void *address, size_t length) {
  (void)region, (void)address, (void)length;
  return 0;
}

#endif
