import { run } from './run.ts'

export interface DynamicSymbol {
  readonly name: string
  /** Such as `GLIBC_2.17`; '' for none. */
  readonly version: string
  readonly defined: boolean
  readonly weak: boolean
}

/** The symbols a binary takes from others and gives to them, on any architecture. */
export async function dynamicSymbols(file: string): Promise<DynamicSymbol[]> {
  const symbols: DynamicSymbol[] = []
  for (const line of (await run('readelf', ['--dyn-syms', '--wide', file])).split('\n')) {
    // Num: Value Size Type Bind Vis Ndx Name@Version (index); Vis may be followed by remarks in brackets.
    const found = line.match(
      /^\s*\d+: [0-9a-f]+\s+\S+\s+\S+\s+(\S+)\s+\S+\s+(?:\[.*\]\s+)?(\S+)\s+([^@\s]+)(?:@@?(\S+))?/,
    )
    if (found === null) continue
    const [, bind, index, name, version] = found
    symbols.push({ name: name as string, version: version ?? '', defined: index !== 'UND', weak: bind === 'WEAK' })
  }
  if (symbols.length === 0) throw new Error(`readelf finds no symbols in ${file}`)
  return symbols
}

/** Libraries that the loader must find, and whether it binds every symbol at once. */
export async function dynamicSection(file: string): Promise<{ needed: string[]; bindsNow: boolean }> {
  const text = await run('readelf', ['--dynamic', '--wide', file])
  const needed = [...text.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map((found) => found[1] as string)
  return { needed, bindsNow: /\(BIND_NOW\)|\(FLAGS(_1)?\).*\b(BIND_)?NOW\b/.test(text) }
}

/** `GLIBC_2.28` is [2, 28]. Undefined for other names. */
export function glibcVersion(version: string): readonly [number, number] | undefined {
  const found = version.match(/^GLIBC_(\d+)\.(\d+)/)
  return found === null ? undefined : [Number(found[1]), Number(found[2])]
}
