import type { LogWriter } from '../log/writer.ts'

/**
 * Decides which effects may take place before the log has, with the operating system, all that came before them (D9).
 * After a crash the program is replayed to the log's end and runs on, making the calls behind it again. That gives what the
 * lost run gave, and each effect once, if the calls behind the log's end
 *
 * - depend on nothing but what is replayed: writes at a position that the kernel knows, seeks from the beginning or from
 *   there. Reads do not belong to them, since they would see what was written after them; nor does any call that
 *   asks the world, or that failed or wrote in part, since it may do otherwise the next time;
 * - may be made twice: the same bytes go to the same places, in the same order as before;
 * - find their files: nothing was opened, closed, renamed or removed. Files are compared when they are opened again with
 *   what they were at the checkpoint, unless the log says that the program has changed them, so the first write to a
 *   descriptor is always announced; and what was announced to an earlier segment is not in this one.
 *
 * A flush (fd_sync, fd_datasync) changes nothing that could be seen twice or missed: no commit is needed before it at all.
 *
 * So a commit may wait while only such calls were recorded since the last one. Whatever else is recorded ends that: the
 * next effect commits. A block that is full is committed at any time, which only makes the rest shorter.
 */
export class Uncommitted {
  #isRepeatable = true
  /** Descriptors with a write in this segment of the log. */
  readonly #announced = new Set<number>()
  #segment = 0

  /** Whether a repeatable effect can be made without a commit; else it must be committed now. */
  mayWait(log: LogWriter, descriptor: number): boolean {
    if (this.#segment !== log.segment) {
      this.#segment = log.segment
      this.#announced.clear()
    }
    if (this.#isRepeatable && this.#announced.has(descriptor)) return true
    this.#announced.add(descriptor)
    return false
  }

  /** A call was recorded that is not repeatable. */
  end(): void {
    this.#isRepeatable = false
  }

  /** The descriptor stands for another file from now on. */
  closed(descriptor: number): void {
    this.#announced.delete(descriptor)
  }

  /** The log was committed. */
  committed(): void {
    this.#isRepeatable = true
  }
}
