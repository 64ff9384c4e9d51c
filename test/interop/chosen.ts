import { describe, expect, test } from 'vitest'
import { type InteropServer, SERVERS } from './catalogue.ts'

export const TRANSPORTS = ['native', 'ws'] as const

const all = process.env['INTEROP_ALL'] === '1'
/** On a developer's machine a server that is not installed is skipped, with what installs it; CI must have its own. */
const mustRun = process.env['CI'] === 'true'

/** A group of tests for each server that was asked for. */
export function forEachServer(suite: (server: InteropServer) => void): void {
  for (const server of SERVERS.filter(({ ci }) => ci || all)) {
    const missing = server.missing()
    if (missing === undefined) describe(server.name, () => suite(server))
    else if (mustRun) test(server.name, () => expect.unreachable(missing))
    else {
      console.warn(`skipped ${server.name}: ${missing}`)
      test.skip(`${server.name}: ${missing}`)
    }
  }
}
