import type { Life } from '../life.ts'

/** A topic that is said to be silent has been, for as long as the options say, on this connection. */
export function topicIsSilent({ sim, evidence }: Life, topic: string): void {
  const { setup, clock } = sim
  const lastUs = evidence.lastTopicData.get(topic)
  if (setup.topicSilentMs === undefined || lastUs === undefined) return
  const forMs = (clock.monoUs() - lastUs) / 1000
  if (forMs < setup.topicSilentMs - 0.001) sim.violated('no-false-alarm', `${topic} is called silent after ${forMs} ms`)
}
