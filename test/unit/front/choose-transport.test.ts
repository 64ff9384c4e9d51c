import { describe, expect, it, vi } from 'vitest'
import { chooseTransport, type TransportSources } from '../../../src/front/choose-transport.ts'
import { MockTransport } from '../../../src/transport/mock.ts'
import type { NativeInfo } from '../../../src/transport/native.ts'
import type { WsTransport } from '../../../src/transport/transport.ts'

const native = { name: 'native' } as WsTransport
const ws = { name: 'ws' } as WsTransport

const LOADED: NativeInfo = { loaded: true, origin: 'local', reason: 'loaded', tried: [], suggestions: [] }
const MISSING: NativeInfo = {
  loaded: false,
  origin: 'none',
  reason: 'no binary was found',
  tried: [{ path: '/lib/a.node', error: 'wrong ELF class' }],
  suggestions: ['install the package again', 'without the addon the ws transport serves'],
}

const sources = (info: NativeInfo): TransportSources => ({ nativeInfo: () => info, native, ws })

describe('chooseTransport', () => {
  it('takes the addon when it is there, and what the user names or brings', () => {
    const own = new MockTransport()
    expect(chooseTransport({ transport: 'native', native: 'prefer' }, sources(LOADED))).toBe(native)
    expect(chooseTransport({ transport: 'native', native: 'require' }, sources(LOADED))).toBe(native)
    expect(chooseTransport({ transport: 'ws', native: 'require' }, sources(LOADED))).toBe(ws)
    expect(chooseTransport({ transport: own, native: 'require' }, sources(MISSING))).toBe(own)
  })

  it('does not ask for the addon when ws is wanted', () => {
    const asked = vi.fn(() => LOADED)
    chooseTransport({ transport: 'ws', native: 'prefer' }, { ...sources(LOADED), nativeInfo: asked })
    expect(asked).not.toHaveBeenCalled()
  })

  it('require: throws what the loader found, with its likely fixes', () => {
    const choose = () => chooseTransport({ transport: 'native', native: 'require' }, sources(MISSING))
    expect(choose).toThrow(expect.objectContaining({ code: 'ERR_NATIVE_UNAVAILABLE' }))
    expect(choose).toThrow(
      /no binary was found\n {2}tried \/lib\/a\.node: wrong ELF class\nWhat may help:\n {2}- install the package again/,
    )
  })

  it('prefer: falls back to ws, and warns once in the life of the process', () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    for (let i = 0; i < 3; i++) {
      expect(chooseTransport({ transport: 'native', native: 'prefer' }, sources(MISSING))).toBe(ws)
    }
    expect(warning.mock.calls).toEqual([
      [
        'the native addon of shared-ws could not be loaded; the ws transport serves instead',
        {
          type: 'SharedWsWarning',
          code: 'SHARED_WS_NATIVE_UNAVAILABLE',
          detail: expect.stringContaining('install the package again'),
        },
      ],
    ])
  })
})
