// Five bodies pulling at each other, leapfrog steps. Usage: nbody [steps]
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BODIES = 5 };

typedef struct {
  double position[3], velocity[3], mass;
} Body;

static double energy(const Body *bodies) {
  double total = 0;
  for (int i = 0; i < BODIES; i++) {
    const Body *a = &bodies[i];
    for (int axis = 0; axis < 3; axis++) total += 0.5 * a->mass * a->velocity[axis] * a->velocity[axis];
    for (int j = i + 1; j < BODIES; j++) {
      double square = 0;
      for (int axis = 0; axis < 3; axis++) {
        double d = a->position[axis] - bodies[j].position[axis];
        square += d * d;
      }
      total -= a->mass * bodies[j].mass / sqrt(square);
    }
  }
  return total;
}

static void advance(Body *bodies, double dt) {
  for (int i = 0; i < BODIES; i++)
    for (int j = i + 1; j < BODIES; j++) {
      double d[3], square = 0;
      for (int axis = 0; axis < 3; axis++) {
        d[axis] = bodies[i].position[axis] - bodies[j].position[axis];
        square += d[axis] * d[axis];
      }
      double pull = dt / (square * sqrt(square));
      for (int axis = 0; axis < 3; axis++) {
        bodies[i].velocity[axis] -= d[axis] * bodies[j].mass * pull;
        bodies[j].velocity[axis] += d[axis] * bodies[i].mass * pull;
      }
    }
  for (int i = 0; i < BODIES; i++)
    for (int axis = 0; axis < 3; axis++) bodies[i].position[axis] += dt * bodies[i].velocity[axis];
}

int main(int argc, char **argv) {
  int steps = argc > 1 ? atoi(argv[1]) : 500000;
  Body bodies[BODIES];
  for (int i = 0; i < BODIES; i++) {
    double distance = i == 0 ? 0 : 2.0 * i;
    double speed = i == 0 ? 0 : sqrt(40.0 / distance);
    bodies[i] = (Body){{distance, 0, 0.1 * i}, {0, speed, 0}, i == 0 ? 40.0 : 0.01 * i};
  }
  printf("energy %.12f\n", energy(bodies));
  for (int step = 1; step <= steps; step++) {
    advance(bodies, 0.001);
    if (step % (steps / 5 + 1) == 0) printf("step %d energy %.12f\n", step, energy(bodies));
  }
  printf("checksum %.12f\n", energy(bodies));
  return 0;
}
