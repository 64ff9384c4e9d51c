import type { WsBatch } from '../../../src/transport/transport.ts'
import type { Life } from '../life.ts'

/** Receive times never go back nor ahead, and one that is called exact is when a byte came: of a read, the last one. */
export function timesAreTrue(life: Life, batch: WsBatch, connection: number): void {
  const { sim, evidence } = life
  const record = evidence.connections.get(connection)
  if (record === undefined) return
  const wrong = (why: string): void => sim.violated('receive-times', `connection ${connection}: ${why}`)
  const nowUs = sim.clock.monoUs()
  for (let i = 0; i < batch.length; i++) {
    const frame = batch.at(i)
    const { receivedMonoUs } = frame
    if (receivedMonoUs < record.receivedUs) wrong(`${receivedMonoUs} comes behind ${record.receivedUs}`)
    if (receivedMonoUs > nowUs) wrong(`${receivedMonoUs} is told at ${nowUs}`)
    record.receivedUs = receivedMonoUs
    if (frame.receivedAtIsUpperBound) continue
    if (sim.setup.timestampSource !== 'kernel') wrong('it is exact, and nobody asked the kernel')
    if (i < batch.length - 1) wrong('of several in one read, one that is not the last is called exact')
    const cameUs = sim.loop.worldUsAt(receivedMonoUs)
    if (record.link.tcp?.cameAt(cameUs) === false) wrong(`nothing came at ${cameUs}, which is called exact`)
  }
}
