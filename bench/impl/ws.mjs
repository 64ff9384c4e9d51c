// ws without its optional native helpers.
process.env['WS_NO_BUFFER_UTIL'] = '1'
const { makeWs } = await import('./ws-common.mjs')
export const impl = await makeWs('ws')
