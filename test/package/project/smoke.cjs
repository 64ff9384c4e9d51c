const { connect, nativeInfo } = require('shared-ws')
const { smoke } = require('./scenario.cjs')

smoke(connect, nativeInfo)
