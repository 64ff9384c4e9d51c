import { hash } from 'node:crypto'

/**
 * What two frames are compared by when an id is used again: the caller's own word for it, or else a hash of the frame's
 * bytes. The two never equal each other, and neither do text and binary of the same bytes.
 */
export function fingerprintOf(payload: string | Uint8Array, binary: boolean, given: string | undefined): string {
  if (given !== undefined) return `given:${given}`
  return `${binary ? 'binary' : 'text'}:${hash('sha256', payload, 'base64')}`
}
