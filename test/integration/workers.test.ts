import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { CompiledLibrary, runChild } from '../support/child.ts'
import { FloodServer } from '../support/flood-server.ts'
import { TRANSPORTS } from './front-support.ts'

let library: CompiledLibrary
let server: FloodServer

beforeAll(() => {
  library = new CompiledLibrary()
})
afterAll(() => library.remove())
beforeEach(async () => {
  server = await FloodServer.listen()
})
afterEach(() => server.close())

// Each round starts 3 Workers with 4 connections each, in a process of their own, so that a crash is seen as one.
describe.each(TRANSPORTS)('Workers over %s', (transport) => {
  it.each([
    ['terminate in traffic', 8, 'exit 1'],
    ['terminate at any moment', 8, 'ended'],
    ['terminate while connecting', 3, 'exit 1'],
    ['exit in traffic', 3, 'exit 5'],
    ['exit in a callback', 3, 'exit 6'],
    ['throw in traffic', 3, 'exit 1: outside any callback'],
    ['close all', 3, 'exit 0'],
  ])('%s: no crash, nothing left, and the main thread goes on', async (scenario, nativeRounds, end) => {
    // The addon has to prove itself; over ws it is Node's own sockets.
    const rounds = transport === 'native' ? nativeRounds : 2
    const argv = [library.entry, transport, scenario, server.url, `${rounds}`]
    const { code, signal, stdout, stderr } = await runChild('workers.mjs', argv)
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' })
    expect(stdout).toBe(`${JSON.stringify({ [end]: rounds * 3 })}\nlocal-stop\n`)
    await vi.waitFor(() => expect(server.clients).toBe(0))
  })
})
