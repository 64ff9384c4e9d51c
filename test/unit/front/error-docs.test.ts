import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { PROTOCOL_STATUSES } from '../../../src/errors/statuses.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const docs = readFileSync(`${root}docs/errors.md`, 'utf8')

/** First column of every table: codes and kinds. */
const documented = [...docs.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, name]) => name as string)

/** Node's own, which the sources only compare with. */
const FOREIGN = ['ERR_DLOPEN_DISABLED']

/** Every code that the library can give, as a quoted string in its sources. The CLI and the contract suite have their own. */
function codesInSource(): Set<string> {
  const codes = new Set<string>()
  for (const name of readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts') || name.startsWith('cli/') || name.startsWith('testing/')) continue
    const text = readFileSync(`${root}src/${name}`, 'utf8')
    for (const [, code] of text.matchAll(/'(ERR_[A-Z0-9_]*[A-Z0-9]|[A-Z]+_CLOSE|SHARED_WS_\w+_\w+)'/g)) {
      if (!FOREIGN.includes(code as string)) codes.add(code as string)
    }
  }
  return codes
}

describe('docs/errors.md', () => {
  it('has every code of the sources, once, and no other', () => {
    const kinds = documented.filter((name) => name.includes('-'))
    const codes = documented.filter((name) => !name.includes('-'))
    expect(codes.filter((code, i) => codes.indexOf(code) !== i)).toEqual([])
    expect([...codes].sort()).toEqual([...codesInSource()].sort())
    expect(kinds.length).toBeGreaterThan(0)
  })

  it('has every kind of cause, and no other', () => {
    const source = readFileSync(`${root}src/errors/disconnect-cause.ts`, 'utf8')
    const kinds = [...source.matchAll(/readonly kind: '([a-z-]+)'/g)].map(([, kind]) => kind)
    expect(documented.filter((name) => name.includes('-')).sort()).toEqual(kinds.sort())
  })

  it('agrees with the table of protocol violations', () => {
    const rows = [...docs.matchAll(/^\| `(ERR_WS_\w+)` \| (\d+) \|/gm)].map(([, code, closeCode]) => [
      code,
      Number(closeCode),
    ])
    expect(rows).toEqual(PROTOCOL_STATUSES.slice(1).map(({ code, closeCode }) => [code, closeCode]))
  })
})
