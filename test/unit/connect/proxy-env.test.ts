import { describe, expect, it } from 'vitest'
import { parseProxy } from '../../../src/connect/proxy.ts'
import { proxyFromEnv } from '../../../src/connect/proxy-env.ts'
import { WsConfigError } from '../../../src/errors/errors.ts'

const PROXY = 'http://proxy.example:3128'

describe('which variable counts', () => {
  it.each([
    ['wss://a.example/', {}, null],
    ['wss://a.example/', { HTTPS_PROXY: PROXY }, PROXY],
    ['ws://a.example/', { HTTPS_PROXY: PROXY }, null],
    ['ws://a.example/', { HTTP_PROXY: PROXY }, PROXY],
    ['wss://a.example/', { HTTP_PROXY: PROXY }, null],
    ['wss://a.example/', { ALL_PROXY: 'socks5h://s:1' }, 'socks5h://s:1'],
    ['wss://a.example/', { ALL_PROXY: 'socks5h://s:1', HTTPS_PROXY: PROXY }, PROXY],
    ['wss://a.example/', { HTTPS_PROXY: 'http://upper:1', https_proxy: 'http://lower:1' }, 'http://lower:1'],
    ['wss://a.example/', { HTTPS_PROXY: PROXY, https_proxy: '' }, PROXY],
    ['wss://a.example/', { HTTPS_PROXY: '  ' }, null],
    ['wss://a.example/', { HTTPS_PROXY: ` ${PROXY} ` }, PROXY],
    ['wss://a.example/', { HTTPS_PROXY: 'proxy.example:3128' }, PROXY],
    ['wss://a.example/', { HTTPS_PROXY: 'me:pw@proxy.example:3128' }, 'http://me:pw@proxy.example:3128'],
  ])('%s with %j', (url, env, expected) => {
    expect(proxyFromEnv(url, env)).toBe(expected)
    expect(proxyFromEnv(new URL(url), env)).toBe(expected)
  })

  it('is that of the process where none is given', () => {
    const before = process.env['https_proxy']
    process.env['https_proxy'] = PROXY
    try {
      expect(proxyFromEnv('wss://a.example/')).toBe(PROXY)
    } finally {
      if (before === undefined) delete process.env['https_proxy']
      else process.env['https_proxy'] = before
    }
  })

  it('hands on what is no proxy, so that connecting refuses it', () => {
    const value = proxyFromEnv('wss://a.example/', { HTTPS_PROXY: 'ftp://proxy.example' })
    expect(parseProxy(value)).toMatchObject({ ok: false })
  })

  it('wants a WebSocket URL', () => {
    expect(() => proxyFromEnv('https://a.example/', {})).toThrow(WsConfigError)
  })
})

describe('NO_PROXY', () => {
  const isDirect = (url: string, list: string) => proxyFromEnv(url, { ALL_PROXY: PROXY, NO_PROXY: list }) === null

  it.each([
    ['*', 'wss://a.example/'],
    ['a.example', 'wss://a.example/'],
    ['A.Example', 'wss://a.example/'],
    ['a.example', 'wss://x.y.a.example/'],
    ['.a.example', 'wss://a.example/'],
    ['.a.example', 'wss://x.a.example/'],
    ['*.a.example', 'wss://x.a.example/'],
    ['a.example.', 'wss://a.example/'],
    ['a.example', 'wss://a.example./'],
    ['b.example, a.example', 'wss://a.example/'],
    ['b.example a.example', 'wss://a.example/'],
    ['a.example:443', 'wss://a.example/'],
    ['a.example:80', 'ws://a.example/'],
    ['.a.example:8443', 'wss://x.a.example:8443/'],
    ['localhost', 'ws://localhost:9/'],
    ['127.0.0.1', 'ws://127.0.0.1:9/'],
    ['127.0.0.1:9', 'ws://127.0.0.1:9/'],
    ['10.0.0.0/8', 'wss://10.255.3.4/'],
    ['0.0.0.0/0', 'wss://10.255.3.4/'],
    ['::1', 'ws://[::1]:9/'],
    ['[::1]', 'ws://[::1]:9/'],
    ['[::1]:9', 'ws://[::1]:9/'],
    ['0:0:0:0:0:0:0:1', 'ws://[::1]:9/'],
    ['fd00::/8', 'ws://[fd12::1]/'],
  ])('%j exempts %s', (list, url) => {
    expect(isDirect(url, list)).toBe(true)
  })

  it.each([
    ['', 'wss://a.example/'],
    [',', 'wss://a.example/'],
    ['.', 'wss://a.example/'],
    ['example.com', 'wss://badexample.com/'],
    ['x.a.example', 'wss://a.example/'],
    ['a.example:444', 'wss://a.example/'],
    ['127.0.0.1:8', 'ws://127.0.0.1:9/'],
    ['127.0.0.1', 'ws://localhost/'],
    ['10.0.0.0/8', 'wss://11.0.0.1/'],
    ['10.0.0.0/99', 'wss://10.0.0.1/'],
    ['10.0.0.0/8', 'ws://[::1]/'],
    ['0.0.0.1', 'wss://a.0.0.0.1.example/'],
    ['fd00::/8', 'ws://[fe80::1]/'],
    ['a.*', 'wss://a.example/'],
  ])('%j does not exempt %s', (list, url) => {
    expect(isDirect(url, list)).toBe(false)
  })
})
