/** `npm run test:conformance -- --full`: all rounds, more cuts. */
export const FULL = process.env['SHARED_WS_CONFORMANCE'] === 'full'

/** `-- --case 3.2`: only cases whose id begins so. */
export const CASE_PREFIX = process.env['SHARED_WS_CONFORMANCE_CASE'] ?? ''
