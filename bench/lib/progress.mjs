/** Says on standard error what is being measured: one line that changes on a terminal, one line a case elsewhere. */
export class Progress {
  #terminal = process.stderr.isTTY === true
  #last = ''

  /**
   * @param {string} subject Question and case.
   * @param {string} detail Round and implementation.
   */
  show(subject, detail) {
    if (this.#terminal) process.stderr.write(`\r\x1b[2K${subject} · ${detail}`)
    else if (this.#last !== subject) process.stderr.write(`${subject}\n`)
    this.#last = subject
  }

  clear() {
    if (this.#terminal) process.stderr.write('\r\x1b[2K')
  }
}
