// Drops falling on water: the wave equation on a grid, drawn in a terminal with two cells a character.
// Usage: ripples [columns] [rows] [frames, 0 for no end] [milliseconds a frame]
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
  int width, height;
  float *now, *before, *next;
} Water;

static float *at(float *cells, const Water *water, int x, int y) { return &cells[y * water->width + x]; }

static void drop(Water *water, int cx, int cy, float depth) {
  for (int y = cy - 3; y <= cy + 3; y++)
    for (int x = cx - 3; x <= cx + 3; x++) {
      if (x < 1 || y < 1 || x >= water->width - 1 || y >= water->height - 1) continue;
      float d = (float)((x - cx) * (x - cx) + (y - cy) * (y - cy));
      *at(water->now, water, x, y) -= depth * expf(-d / 4);
    }
}

static void step(Water *water) {
  const float speed = 0.22f, damping = 0.996f;
  int w = water->width, h = water->height;
  for (int y = 1; y < h - 1; y++)
    for (int x = 1; x < w - 1; x++) {
      const float *cell = at(water->now, water, x, y);
      float pull = cell[-1] + cell[1] + cell[-w] + cell[w] - 4 * cell[0];
      *at(water->next, water, x, y) = (2 * cell[0] - *at(water->before, water, x, y) + speed * pull) * damping;
    }
  float *oldest = water->before;
  water->before = water->now;
  water->now = water->next;
  water->next = oldest;
}

// From deep blue to white, as numbers of the terminal's 256 colours.
static int colour(float level) {
  static const unsigned char scale[] = {16, 17, 17, 18, 18, 19, 24, 25, 25, 31, 32, 38, 44, 80, 123, 159, 195, 231};
  const int last = (int)sizeof scale - 1;
  int index = 6 + (int)lroundf(level * 7);
  return scale[index < 0 ? 0 : index > last ? last : index];
}

static void draw(const Water *water, int frame, char *buffer) {
  char *to = buffer;
  to += sprintf(to, "\x1b[H");
  for (int y = 0; y + 1 < water->height; y += 2) {
    int front = -1, back = -1;
    for (int x = 0; x < water->width; x++) {
      int upper = colour(*at(water->now, (Water *)water, x, y));
      int lower = colour(*at(water->now, (Water *)water, x, y + 1));
      if (upper != front) to += sprintf(to, "\x1b[38;5;%dm", front = upper);
      if (lower != back) to += sprintf(to, "\x1b[48;5;%dm", back = lower);
      memcpy(to, "\xe2\x96\x80", 3);
      to += 3;
    }
    to += sprintf(to, "\x1b[0m\n");
  }
  to += sprintf(to, "frame %d\x1b[K\n", frame);
  fwrite(buffer, 1, (size_t)(to - buffer), stdout);
  fflush(stdout);
}

int main(int argc, char **argv) {
  int columns = argc > 1 ? atoi(argv[1]) : 72;
  int rows = argc > 2 ? atoi(argv[2]) : 20;
  int frames = argc > 3 ? atoi(argv[3]) : 0;
  int pause = argc > 4 ? atoi(argv[4]) : 50;
  if (columns < 8 || rows < 4 || frames < 0 || pause < 0) {
    fprintf(stderr, "usage: ripples [columns >= 8] [rows >= 4] [frames, 0 for no end] [milliseconds a frame]\n");
    return 2;
  }
  Water water = {columns, rows * 2, NULL, NULL, NULL};
  size_t cells = (size_t)water.width * (size_t)water.height;
  water.now = calloc(cells, sizeof(float));
  water.before = calloc(cells, sizeof(float));
  water.next = calloc(cells, sizeof(float));
  char *buffer = malloc(cells * 16 + 64);
  if (!water.now || !water.before || !water.next || !buffer) return 1;
  srand(2026);
  printf("\x1b[2J");
  for (int frame = 1; frames == 0 || frame <= frames; frame++) {
    if (frame % 18 == 1) drop(&water, 4 + rand() % (columns - 8), 4 + rand() % (rows * 2 - 8), 3.2f);
    step(&water);
    step(&water);
    draw(&water, frame, buffer);
    struct timespec rest = {pause / 1000, (pause % 1000) * 1000000L};
    nanosleep(&rest, NULL);
  }
  return 0;
}
