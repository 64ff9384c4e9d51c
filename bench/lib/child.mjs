import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A client or server process that speaks lines of JSON, with a deadline on every wait. */
export class Child {
  /** @type {string[]} */ #lines = []
  /** @type {((line: string | undefined) => void) | undefined} */ #waiting
  #errors = ''
  #ended = false

  /**
   * @param {string} label For messages.
   * @param {string[]} command
   * @param {NodeJS.ProcessEnv} [env]
   */
  constructor(label, command, env = {}) {
    this.label = label
    const [file, ...args] = /** @type {[string, ...string[]]} */ (command)
    this.process = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } })
    this.exited = new Promise((resolve) => this.process.once('close', resolve))
    this.process.once('error', (error) => {
      this.#errors += error.message
      this.#end()
    })
    this.process.once('close', () => this.#end())
    this.process.stdin.on('error', () => {}) // it has died; the next read says so
    this.process.stderr.on('data', (chunk) => {
      this.#errors = (this.#errors + chunk).slice(-4000)
    })
    createInterface({ input: this.process.stdout }).on('line', (line) => {
      if (this.#waiting) this.#waiting(line)
      else this.#lines.push(line)
    })
  }

  #end() {
    this.#ended = true
    this.#waiting?.(undefined)
  }

  /** @param {string} line */
  say(line) {
    this.process.stdin.write(`${line}\n`)
  }

  /**
   * The next line, parsed. One reader at a time.
   * @param {number} deadlineMs
   * @returns {Promise<any>}
   */
  async read(deadlineMs) {
    const line = this.#lines.shift() ?? (await this.#nextLine(deadlineMs))
    if (line === undefined) throw new Error(`${this.label} ended: ${this.#errors.trim() || 'no message'}`)
    return JSON.parse(line)
  }

  /** @param {number} deadlineMs */
  #nextLine(deadlineMs) {
    if (this.#ended) return undefined
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting = undefined
        reject(new Error(`${this.label} said nothing for ${deadlineMs / 1000} s`))
      }, deadlineMs)
      this.#waiting = (line) => {
        clearTimeout(timer)
        this.#waiting = undefined
        resolve(line)
      }
    })
  }

  /** Lets it end by itself, and kills it when it does not. */
  async stop() {
    this.process.stdin.end()
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 1000)
    await this.exited
    clearTimeout(timer)
  }
}
