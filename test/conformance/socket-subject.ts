import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { WsTransport } from '../../src/transport/transport.ts'
import { socketChops } from './chops.ts'
import { ConformanceServer } from './server.ts'
import { type Patience, runOnSockets } from './socket-run.ts'
import { failureText, leaveTally } from './tally.ts'
import { type Family, readFamilies, type Vector } from './vectors.ts'

/** Enough for a machine that is busy with other things; nothing that goes right takes long. */
const PATIENT: Patience = { ms: 20_000 }
/** A deviation shows itself by what does not come. */
const IMPATIENT: Patience = { turns: 300 }

/** Runs at a time, and bytes that their servers write together. */
const MAX_RUNS = 48
const MAX_RUN_BYTES = 24 * 1024 * 1024

/** The suite of one transport over loopback. Registers one test per family. */
export function conformanceOf(transport: WsTransport): void {
  const tally = { cases: 0, checks: 0, failed: 0 }
  const deviations = deviationsOf(transport)
  let server: ConformanceServer

  beforeAll(async () => {
    server = await ConformanceServer.listen()
  })
  afterAll(async () => {
    leaveTally(transport.name, tally)
    await server.close()
  })

  const run = async (vectors: readonly Vector[]): Promise<void> => {
    const failures: string[] = []
    const jobs = vectors.flatMap((vector) => {
      const total = vector.steps.reduce((sum, step) => sum + (step.kind === 'write' ? step.bytes().length : 0), 0)
      return socketChops(vector, total).map((chop) => ({ vector, chop, bytes: total }))
    })
    const failed = new Set<Vector>()
    await inParallel(jobs, async ({ vector, chop }) => {
      const { checks, failure } = await runOnSockets(server, transport, vector, chop, PATIENT)
      tally.checks += checks
      if (failure === undefined) return
      failed.add(vector)
      failures.push(`${vector.id} (${vector.where}), ${chop.name}: ${failure}`)
    })
    tally.cases += vectors.length
    tally.failed += failed.size
    expect(failureText(failures)).toBe('')
  }

  describe(`the ${transport.name} transport, over loopback`, () => {
    for (const { name, vectors } of readFamilies('vectors')) {
      it(name, () => run(vectors.filter(({ id }) => !deviations.has(id))))
    }
    for (const [id, instead] of deviations) {
      it(`deviates in ${id}: ${instead.title}`, async () => {
        await run([instead])
        const strict = readFamilies('vectors')
          .flatMap(({ vectors }) => vectors)
          .find((vector) => vector.id === id)
        expect(strict, `${instead.where}: there is no case ${id}`).toBeDefined()
        const [whole] = socketChops(strict as Vector, 1)
        const { failure } = await runOnSockets(server, transport, strict as Vector, whole as never, IMPATIENT)
        tally.checks++
        if (failure === undefined) tally.failed++
        expect(failure, `${id} holds now: take the deviation out of ${instead.where}`).toBeDefined()
      })
    }
  })
}

/** Of a transport that has a file in deviations/: what it does instead, by case. */
function deviationsOf({ name }: WsTransport): Map<string, Vector> {
  const family: Family | undefined = readFamilies('deviations').find((file) => file.name === name)
  return new Map(family?.vectors.map((vector) => [vector.id, vector]))
}

async function inParallel<T extends { readonly bytes: number }>(
  jobs: readonly T[],
  work: (job: T) => Promise<void>,
): Promise<void> {
  const waiting = [...jobs].sort((a, b) => a.bytes - b.bytes)
  let bytes = 0
  const running = new Set<Promise<void>>()
  for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
    const size = job.bytes
    bytes += size
    const done: Promise<void> = work(job).finally(() => {
      bytes -= size
      running.delete(done)
    })
    running.add(done)
    while (running.size >= MAX_RUNS || (bytes > MAX_RUN_BYTES && running.size > 0)) await Promise.race(running)
  }
  await Promise.all(running)
}
