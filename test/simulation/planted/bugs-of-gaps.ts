import { SequenceGaps } from '../../../src/actor/sequence-gaps.ts'
import { Topics } from '../../../src/actor/topics.ts'
import { ResubscribeLimit } from '../../../src/health/resubscribe-limit.ts'
import { everyNth, type PlantedBug, patch } from './patch.ts'

export const BUGS_OF_GAPS: readonly PlantedBug[] = [
  {
    name: 'a hole that is swallowed: it is taken for a part of a gap that there is not',
    foundBy: ['holes-are-gaps'],
    plant() {
      const isHit = everyNth(4)
      return patch(SequenceGaps.prototype, 'report', (real) => {
        return function (this: SequenceGaps, ...args) {
          return isHit() ? 'merged' : real.apply(this, args)
        }
      })
    },
  },
  {
    name: 'a gap that ends at once: nobody waits for acknowledgement and data',
    foundBy: ['resumed-when-mended', 'holes-are-gaps'],
    plant: () =>
      patch(Topics.prototype, 'tellGap', (real) => {
        return function (this: Topics, ...args) {
          real.apply(this, args)
          const { key, cause } = args[0]
          if (key === undefined || cause.kind !== 'sequence-gap') return
          this.gaps.asked(key)
          if (this.gaps.fed(key)) this.gapEnded(key)
        }
      }),
  },
  {
    name: 'a gap that never ends: the topic is not watched anew',
    foundBy: ['gaps-end', 'heals'],
    plant: () => patch(Topics.prototype, 'forgotten', () => () => {}),
  },
  {
    name: 'a storm of subscriptions: every hole is asked about at once, however often before',
    foundBy: ['no-subscription-storm'],
    plant() {
      const restore = patch(ResubscribeLimit.prototype, 'used', () => () => {})
      // When it ended is what tells rounds in vain from those of long ago.
      const restoreEnds = patch(SequenceGaps.prototype, 'ended', () => () => {})
      return () => {
        restoreEnds()
        restore()
      }
    },
  },
]
