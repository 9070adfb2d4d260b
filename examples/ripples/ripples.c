// Drops falling on water: the wave equation on a grid, drawn in a terminal.
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
      *at(water->now, water, x, y) -= depth * expf(-d / 5);
    }
}

static void step(Water *water) {
  const float speed = 0.2f, damping = 0.985f;
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

// Deep water, still water, foam: red, green, blue.
static const int low[] = {10, 34, 74}, rest[] = {24, 92, 150}, high[] = {214, 240, 250};
enum { shades = 24 };

static int shade(float level) {
  int index = shades / 3 + (int)lroundf(level * shades / 2);
  return index < 0 ? 0 : index >= shades ? shades - 1 : index;
}

static char *paint(char *to, int index) {
  const int *from = index < shades / 3 ? low : rest, *end = index < shades / 3 ? rest : high;
  int start = index < shades / 3 ? 0 : shades / 3, width = index < shades / 3 ? shades / 3 : shades - 1 - shades / 3;
  int part[3];
  for (int i = 0; i < 3; i++) part[i] = from[i] + (end[i] - from[i]) * (index - start) / width;
  return to + sprintf(to, "\x1b[48;2;%d;%d;%dm", part[0], part[1], part[2]);
}

// A character is as high as two cells, and shows their mean.
static void draw(Water *water, int frame, char *buffer) {
  char *to = buffer;
  to += sprintf(to, "\x1b[H");
  for (int y = 0; y + 1 < water->height; y += 2) {
    int last = -1;
    for (int x = 0; x < water->width; x++) {
      int now = shade((*at(water->now, water, x, y) + *at(water->now, water, x, y + 1)) / 2);
      if (now != last) to = paint(to, last = now);
      *to++ = ' ';
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
  char *buffer = malloc(cells * 12 + 64);
  if (!water.now || !water.before || !water.next || !buffer) return 1;
  srand(2026);
  printf("\x1b[2J");
  for (int frame = 1; frames == 0 || frame <= frames; frame++) {
    if (frame % 14 == 1) drop(&water, 4 + rand() % (columns - 8), 4 + rand() % (rows * 2 - 8), 1.9f);
    step(&water);
    step(&water);
    draw(&water, frame, buffer);
    struct timespec rest = {pause / 1000, (pause % 1000) * 1000000L};
    nanosleep(&rest, NULL);
  }
  return 0;
}
