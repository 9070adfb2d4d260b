// wasi-libc's setjmp.h refuses to be included without wasm exceptions; no-throw.h replaces its use.
