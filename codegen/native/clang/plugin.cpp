// The plugin's entry: its table, and the copies that it hands out.
#include "codegen/native/clang/plugin.h"

#include <cstdlib>
#include <cstring>

#include "codegen/native/clang/internal.h"
#include "clang/Basic/Version.h"
#include "llvm/Passes/PassPlugin.h"

namespace nnc {

NativeBytes copy_bytes(llvm::StringRef bytes) {
    char *data = static_cast<char *>(malloc(bytes.size() + 1));
    if (!data) abort();
    if (!bytes.empty()) memcpy(data, bytes.data(), bytes.size());
    data[bytes.size()] = 0;
    return {data, bytes.size()};
}

char *copy_text(llvm::StringRef text) {
    return text.empty() ? nullptr : copy_bytes(text).data;
}

} // namespace nnc

extern "C" __attribute__((visibility("default"))) const NativePlugin *nnc_plugin(void) {
    static const NativePlugin plugin = {NATIVE_PLUGIN_VERSION,
                                        "clang " CLANG_VERSION_STRING,
                                        nnc::compile,
                                        nnc::link,
                                        nnc::load,
                                        nnc::symbol,
                                        nnc::unload};
    return &plugin;
}

// Debian's libraries ask for Polly, a set of passes that is packaged apart: here are none.
llvm::PassPluginLibraryInfo getPollyPluginInfo();
llvm::PassPluginLibraryInfo getPollyPluginInfo() {
    return {LLVM_PLUGIN_API_VERSION, "none", "", [](llvm::PassBuilder &) {}};
}
