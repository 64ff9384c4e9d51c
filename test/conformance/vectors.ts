import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { WsBinaryCompression, WsLimits } from '../../src/connect/request.ts'
import { CASE_PREFIX, FULL } from './depth.ts'
import { endOf, readScript, ScriptState, type Step } from './script.ts'

/** One case: what the two ends do, and what the client must make of it. */
export interface Vector {
  readonly id: string
  readonly title: string
  /** `03-reserved-bits.md:17` */
  readonly where: string
  readonly limits: Pick<WsLimits, 'maxFrameBytes' | 'maxMessageBytes'>
  readonly subprotocols: readonly string[]
  readonly extensions: VectorExtensions
  /** The server writes in pieces of this many bytes, where nothing else is asked for. */
  readonly piece: number | undefined
  /** The response head, with `{accept}` in it; undefined for the usual one. */
  readonly head: string | undefined
  /** How often the steps are the same ones again. */
  readonly rounds: number
  readonly steps: readonly Step[]
}

/** What the client offers, and what the server makes of it. */
export interface VectorExtensions {
  /** The client's `Sec-WebSocket-Extensions`; '' for none. */
  readonly offer: string
  /** The server's. */
  readonly answer: string
  /** The client compresses messages of so many bytes and more. */
  readonly compressFrom: number | undefined
  readonly inflateBinary: WsBinaryCompression | undefined
}

/** The vectors of one file. */
export interface Family {
  /** `03-reserved-bits` */
  readonly name: string
  readonly vectors: readonly Vector[]
}

const MIB = 1024 * 1024
/** Of the loops of families 9, 12 and 13: all 1000 with `--full`. */
const roundsOf = (all: number, bytes: number): number =>
  FULL ? all : Math.min(all, 30, Math.max(4, Math.floor((256 * 1024) / Math.max(1, bytes))))
const DEFAULT_LIMITS = { maxFrameBytes: 16 * MIB, maxMessageBytes: 16 * MIB }

/** Every `.md` of a folder beside this file, in the order of their names. An id that comes twice is an error. */
export function readFamilies(folder: 'vectors' | 'deviations'): Family[] {
  const directory = new URL(`${folder}/`, import.meta.url)
  const families = readdirSync(directory)
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => readFamily(name, readFileSync(new URL(name, directory), 'utf8')))
  const seen = new Set<string>()
  for (const { id, where } of families.flatMap(({ vectors }) => vectors)) {
    if (folder === 'vectors' && seen.has(id)) throw new Error(`${where}: there is another case ${id}`)
    seen.add(id)
  }
  return families
    .map(({ name, vectors }) => ({ name, vectors: vectors.filter(({ id }) => id.startsWith(CASE_PREFIX)) }))
    .filter(({ vectors }) => vectors.length > 0)
}

/** Reads the literate vectors in the text of `file`. */
export function readFamily(file: string, text: string): Family {
  const reader = new FamilyReader(basename(file))
  reader.read(text.split('\n'))
  return { name: basename(file, '.md'), vectors: reader.vectors }
}

type Row = Readonly<Record<string, string>>

class FamilyReader {
  readonly vectors: Vector[] = []
  readonly #file: string
  #heading: { readonly id: string; readonly title: string } | undefined
  /** Of the table with a column `case` that stands in front of a block. */
  #rows: Row[] = []
  #columns: string[] = []
  #head: string | undefined

  constructor(file: string) {
    this.#file = file
  }

  read(lines: readonly string[]): void {
    for (let at = 0; at < lines.length; at++) {
      const line = lines[at] as string
      if (line.startsWith('#')) this.#section(line)
      else if (line.startsWith('|')) this.#tableLine(line)
      else if (line.startsWith('```')) {
        const end = lines.indexOf('```', at + 1)
        if (end === -1) throw new Error(`${this.#file}:${at + 1}: this block does not end`)
        this.#block(line.slice(3), lines.slice(at + 1, end), at + 2)
        at = end
      }
    }
    if (this.#rows.length > 0) throw new Error(`${this.#file}: a table of cases without a block behind it`)
  }

  #section(line: string): void {
    const [, id = '', title = ''] = /^#+ (\S+) ?(.*)$/.exec(line) ?? []
    this.#heading = { id, title }
    this.#head = undefined
  }

  #tableLine(line: string): void {
    const cells = line
      .slice(1, line.lastIndexOf('|'))
      .split('|')
      .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1'))
    if (cells.every((cell) => /^:?-+:?$/.test(cell))) return
    if (cells[0] === 'case') this.#columns = cells
    else if (this.#columns.length > 0) {
      this.#rows.push(Object.fromEntries(this.#columns.map((column, index) => [column, cells[index] ?? ''])))
    }
  }

  #block(language: string, lines: readonly string[], firstLine: number): void {
    if (language === 'http') {
      this.#head = lines.map((line) => `${line}\r\n`).join('')
      return
    }
    if (language !== 'ws') return
    if (this.#heading === undefined) throw new Error(`${this.#file}:${firstLine}: a block without a heading`)
    const { id, title } = this.#heading
    const rows = this.#rows.length > 0 ? this.#rows : [{ case: id }]
    for (const row of rows) this.vectors.push(this.#vector(row, title, lines, firstLine))
    this.#rows = []
    this.#columns = []
  }

  #vector(row: Row, title: string, lines: readonly string[], firstLine: number): Vector {
    const where = (line: number): string => `${this.#file}:${firstLine + line}`
    const fill = (line: string): string => line.replace(/\{(\w+)\}/g, (hole, name) => row[name] ?? hole)
    const settings = new Settings()
    let skipped = 0
    while (settings.take(fill(lines[skipped] ?? ''))) skipped++
    const script = lines.slice(skipped).map(fill)
    const state = new ScriptState(settings.extensions.answer)
    const read = (): Step[] => readScript(script, (line) => where(line + skipped), state)
    const rounds = Array.from({ length: settings.rounds }, read)
    return {
      id: row['case'] as string,
      title,
      where: where(0),
      limits: settings.limits,
      subprotocols: settings.subprotocols,
      extensions: settings.extensions,
      piece: settings.piece,
      head: this.#head === undefined ? undefined : fill(this.#head),
      rounds: settings.rounds,
      steps: [...rounds.flat(), ...endOf(rounds[0] ?? [])],
    }
  }
}

/** The lines in front of a script that say how the client is configured. */
class Settings {
  limits = DEFAULT_LIMITS
  subprotocols: readonly string[] = []
  piece: number | undefined
  rounds = 1
  extensions: VectorExtensions = { offer: '', answer: '', compressFrom: undefined, inflateBinary: undefined }

  take(line: string): boolean {
    const [, name, value = ''] = /^([a-zB]+) (.*)$/.exec(line) ?? []
    const numbers = [...value.matchAll(/\d+/g)].map(([digits]) => Number(digits))
    switch (name) {
      case undefined:
        return false
      case 'limits':
        this.limits = { maxFrameBytes: numbers[0] as number, maxMessageBytes: numbers[1] as number }
        return true
      case 'subprotocols':
        this.subprotocols = value.split(' ')
        return true
      case 'pieces':
        this.piece = numbers[0]
        return true
      case 'rounds':
        this.rounds = roundsOf(numbers[0] as number, numbers[1] as number)
        return true
      case 'offer':
      case 'answer':
        this.extensions = { ...this.extensions, [name]: value }
        return true
      case 'compress':
        this.extensions = { ...this.extensions, compressFrom: numbers[0] }
        return true
      case 'inflateBinary':
        this.extensions = { ...this.extensions, inflateBinary: value as WsBinaryCompression }
        return true
    }
    throw new Error(`there is no setting "${line}"`)
  }
}
