// Loaded before every test file. Waiting for what must come has to end in a hang only: the second that Vitest gives
// `vi.waitFor` is less than a busy machine may let a process stand still.
import { vi } from 'vitest'

const PATIENCE_MS = 30_000
const { waitFor } = vi

vi.waitFor = (callback, options = {}) =>
  waitFor(callback, { timeout: PATIENCE_MS, ...(typeof options === 'number' ? { timeout: options } : options) })
