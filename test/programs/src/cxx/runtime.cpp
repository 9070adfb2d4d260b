// A C++ exception runtime for one thread, enough for the tests: Debian's libc++abi for wasm is built without one.
// The compiler's side is the Itanium C++ ABI with the additions of WebAssembly's tool conventions: a landing pad puts
// its number and its function's language-specific data area (LSDA) into __wasm_lpad_context, calls
// _Unwind_CallPersonality, and finds the matching catch clause in `selector` (0: none, run cleanups and go on).
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The tag that every throw and catch names.
__asm__(".globl __cpp_exception\n.tagtype __cpp_exception i32\n__cpp_exception:\n");

namespace {

struct Header {
  void *type;
  void (*destroy)(void *);
  int handlers;
  Header *under;
};

Header *caught;

Header *header_of(void *thrown) { return static_cast<Header *>(thrown) - 1; }

struct Reader {
  const uint8_t *at;

  uint64_t unsigned_leb() {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      uint8_t byte = *at++;
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (!(byte & 0x80)) return value;
    }
  }

  int64_t signed_leb() {
    uint64_t value = 0;
    for (int shift = 0;;) {
      uint8_t byte = *at++;
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      shift += 7;
      if (byte & 0x80) continue;
      if (byte & 0x40) value |= ~uint64_t{0} << shift;
      return static_cast<int64_t>(value);
    }
  }
};

// LSDA: encodings, the distance to the end of the type table, pairs (landing pad, first action), chains of
// (type number, distance to the next action), and the type table, which is read backwards from its end.
int clause_for(const uint8_t *lsda, unsigned pad, void *type) {
  Reader in{lsda};
  if (*in.at++ != 0xff) abort();  // landing pads have no base of their own
  bool has_types = *in.at++ != 0xff;
  const uint8_t *types = nullptr;
  if (has_types) {
    uint64_t distance = in.unsigned_leb();
    types = in.at + distance;
  }
  in.at++;
  uint64_t length = in.unsigned_leb();
  const uint8_t *actions = in.at + length;
  uint64_t action = 0;
  for (unsigned i = 0; i <= pad; i++) {
    in.unsigned_leb();
    action = in.unsigned_leb();
  }
  if (action == 0) return 0;
  Reader chain{actions + action - 1};
  for (;;) {
    int64_t number = chain.signed_leb();
    const uint8_t *here = chain.at;
    int64_t next = chain.signed_leb();
    if (number > 0) {
      void *wanted;
      memcpy(&wanted, types - number * sizeof wanted, sizeof wanted);
      if (!wanted || wanted == type) return static_cast<int>(number);
    }
    if (next == 0) return 0;
    chain.at = here + next;
  }
}

}  // namespace

extern "C" {

struct LandingPadContext {
  uintptr_t pad;
  const uint8_t *lsda;
  uintptr_t selector;
} __wasm_lpad_context;

int _Unwind_CallPersonality(void *thrown) {
  LandingPadContext &context = __wasm_lpad_context;
  context.selector = 0;
  if (context.lsda) context.selector = clause_for(context.lsda, context.pad, header_of(thrown)->type);
  return 0;
}

void __gxx_wasm_personality_v0() { abort(); }

void *__cxa_allocate_exception(size_t size) {
  auto *header = static_cast<Header *>(calloc(1, sizeof(Header) + size));
  if (!header) abort();
  return header + 1;
}

void __cxa_free_exception(void *thrown) { free(header_of(thrown)); }

void __cxa_throw(void *thrown, void *type, void (*destroy)(void *)) {
  header_of(thrown)->type = type;
  header_of(thrown)->destroy = destroy;
  __builtin_wasm_throw(0, thrown);
}

void *__cxa_get_exception_ptr(void *thrown) { return thrown; }

void *__cxa_begin_catch(void *thrown) {
  Header *header = header_of(thrown);
  header->handlers = header->handlers < 0 ? 1 - header->handlers : header->handlers + 1;
  if (header != caught) {
    header->under = caught;
    caught = header;
  }
  return thrown;
}

// A negative count marks an exception that has been thrown on and must outlive the handlers it leaves.
void __cxa_end_catch() {
  Header *header = caught;
  if (header->handlers < 0) {
    if (++header->handlers == 0) caught = header->under;
    return;
  }
  if (--header->handlers > 0) return;
  caught = header->under;
  if (header->destroy) header->destroy(header + 1);
  free(header);
}

void __cxa_rethrow() {
  caught->handlers = -caught->handlers;
  __builtin_wasm_throw(0, caught + 1);
}

// Only its address is used: the first word of every class's type_info.
void *_ZTVN10__cxxabiv117__class_type_infoE[3];
}

namespace std {
[[noreturn]] void terminate() noexcept {
  fprintf(stderr, "terminate: an exception has no handler\n");
  abort();
}
}  // namespace std
