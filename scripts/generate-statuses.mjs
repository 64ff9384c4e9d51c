// Writes the C++ and the TypeScript form of native/core/statuses.json, so that a protocol status has one home.
//   node scripts/generate-statuses.mjs          writes both files
//   node scripts/generate-statuses.mjs --check  exits 1 when a file on disk differs from what would be written
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = new URL('..', import.meta.url)
const { statuses } = JSON.parse(readFileSync(new URL('native/core/statuses.json', root), 'utf8'))
statuses.forEach((s, i) => {
  if (s.number !== i) throw new Error(`statuses.json: entry ${i} has number ${s.number}; numbers must be 0, 1, 2, …`)
})

const notice =
  'Generated from native/core/statuses.json by scripts/generate-statuses.mjs. Edit the table, not this file.'

const header = `// ${notice}
#pragma once

#include <cstdint>

namespace shared_ws {

enum class Status : uint8_t {
${statuses.map((s) => `  k${s.name} = ${s.number},  // ${s.rfc ? `${s.rfc}: ` : ''}${s.message}`).join('\n')}
};

inline constexpr uint8_t kStatusCount = ${statuses.length};

// The close code a client answers this violation with (RFC 6455 7.4.1); 0 for kOk.
constexpr uint16_t CloseCodeOf(Status status) {
  constexpr uint16_t kCodes[kStatusCount] = {${statuses.map((s) => s.closeCode).join(', ')}};
  return kCodes[static_cast<uint8_t>(status)];
}

}  // namespace shared_ws
`

const quote = (s) => `'${s.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
const typescript = `// ${notice}

/** One protocol violation: its stable code, the close code it is answered with, and the rule it breaks. */
export interface ProtocolStatus {
  readonly name: string
  readonly code: string
  readonly closeCode: number
  readonly rfc: string
  readonly message: string
}

/** Indexed by the status number that the addon reports. */
export const PROTOCOL_STATUSES = [
${statuses
  .map(
    (s) =>
      `  {\n    name: ${quote(s.name)},\n    code: ${quote(s.code)},\n    closeCode: ${s.closeCode},\n    rfc: ${quote(s.rfc)},\n    message: ${quote(s.message)},\n  },`,
  )
  .join('\n')}
] as const satisfies readonly ProtocolStatus[]

/** The code of a protocol violation, such as \`ERR_WS_RESERVED_BITS\`. */
export type ProtocolStatusCode = (typeof PROTOCOL_STATUSES)[number]['code']
`

let stale = 0
for (const [path, text] of [
  ['native/core/status.h', header],
  ['src/errors/statuses.ts', typescript],
]) {
  const url = new URL(path, root)
  if (process.argv.includes('--check')) {
    let onDisk = ''
    try {
      onDisk = readFileSync(url, 'utf8')
    } catch {}
    if (onDisk !== text) {
      console.error(`${path} does not match native/core/statuses.json; run: node scripts/generate-statuses.mjs`)
      stale++
    }
  } else {
    writeFileSync(url, text)
    console.log(`wrote ${fileURLToPath(url)}`)
  }
}
process.exitCode = stale > 0 ? 1 : 0
