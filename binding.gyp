{
  'targets': [
    {
      'target_name': 'shared_ws',
      'sources': ['<!@(node scripts/native-sources.mjs)'],
      'include_dirs': ['native'],
      'defines': [
        'NAPI_VERSION=8',
        'SHARED_WS_VERSION="<!(node -p "require(\'./package.json\').version")"',
      ],
      # Exactly the flags of Node's common.gypi that set another standard.
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': [
        '-std=c++20',
        '-O3',
        '-fno-exceptions',
        '-fno-rtti',
        '-fvisibility=hidden',
        '-fvisibility-inlines-hidden',
        '-ffunction-sections',
        '-fdata-sections',
        '-Wall',
        '-Wextra',
        '-Werror',
        # Named a second time as system headers, Node's own are exempt from -Werror.
        '-isystem <(node_root_dir)/include/node',
      ],
      'conditions': [
        ['OS=="linux"', {
          'ldflags': [
            # Everything is resolved at load: a symbol that this Node lacks is an error the loader can report, not the
            # death of the process at first use.
            '-Wl,-z,now',
            # Node exports hundreds of names (crc32, SHA1_…); what the addon defines itself it also calls itself.
            '-Wl,-Bsymbolic',
            '-Wl,--version-script=<(module_root_dir)/native/exports.map',
            '-Wl,--gc-sections',
            # No C++ runtime of the system is needed, nor glibc newer than Node's own (see binding/runtime.cc).
            '-static-libstdc++',
            '-static-libgcc',
          ],
        }],
        ['OS=="mac"', {
          'xcode_settings': {
            'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
            'CLANG_CXX_LIBRARY': 'libc++',
            'GCC_OPTIMIZATION_LEVEL': '3',
            'MACOSX_DEPLOYMENT_TARGET': '11.0',
          },
        }],
      ],
    },
  ],
}
