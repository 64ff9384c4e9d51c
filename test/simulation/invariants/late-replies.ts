import type { WsOutcome } from '../../../src/requests/outcome.ts'
import type { Life } from '../life.ts'
import { answeredBy } from './outcomes.ts'

/** What is told late has been read, was not told before, and says of the frame what is so. */
export function lateReplyIsNews(life: Life, outcome: WsOutcome): void {
  const { sim, evidence } = life
  const { requestId } = outcome
  evidence.hook('onLateReply', undefined)
  const told = (evidence.lateReplies.get(requestId) ?? 0) + 1
  evidence.lateReplies.set(requestId, told)
  const wrong = (why: string): void => sim.violated('late-replies', `${requestId} is told late: ${why}`)
  if (!outcome.late) wrong('and is not said to be late')
  if (outcome.delivery === 'none' || outcome.delivery === 'part') wrong(`delivery ${outcome.delivery}`)
  if (outcome.kind === 'unconfirmed' && outcome.reason !== 'status-unknown') wrong(`unconfirmed/${outcome.reason}`)
  if (outcome.kind === 'not-delivered' || outcome.kind === 'sent') wrong(outcome.kind)
  const read = sim.ledger.answersTo(requestId).filter(({ tcp, interim, endByte }) => {
    return sim.lifeOf(tcp) === life && !interim && endByte <= tcp.readBytes
  })
  if (told > read.length) wrong(`${told} times, and ${read.length} answers have been read`)
  const asks = sim.ledger.seenUnder(requestId)
  const [ask] = asks
  if (ask === undefined || asks.length > 1 || ask.sharesId) return
  if (told + Number(answeredBy(ask.outcomes[0])) > read.length) wrong('and its answer had been told already')
}
