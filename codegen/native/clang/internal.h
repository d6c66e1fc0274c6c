// What the plugin's files share.
#ifndef NNC_CODEGEN_NATIVE_CLANG_INTERNAL_H
#define NNC_CODEGEN_NATIVE_CLANG_INTERNAL_H

#include <string>

#include "codegen/native/clang/plugin.h"
#include "llvm/ADT/IntrusiveRefCntPtr.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/VirtualFileSystem.h"

namespace nnc {

// A header that the plugin carries: "libc/math.h". The text ends with a zero byte.
struct Header {
    const char *path;
    const char *begin, *end;
};
// Made by CMake; ends with a row of null pointers.
extern const Header headers[];

// Where headers and sources seem to be.
constexpr const char *ROOT = "/nnc/";

// The job's files under ROOT "source/" and the plugin's headers under ROOT, over the machine's
// files when `real` is set.
llvm::IntrusiveRefCntPtr<llvm::vfs::FileSystem> file_system(const NativeJob &job, bool real);

bool compile(const NativeJob *job, NativeBytes *out, NativeTimes *times, char **message);
bool link(const NativeBytes *objects, int count, NativeBytes *out, char **message);
NativeCode *load(const NativeBytes *object, char **message);
void *symbol(NativeCode *code, const char *name);
void unload(NativeCode *code);

// Copies for the C side.
char *copy_text(llvm::StringRef text);
NativeBytes copy_bytes(llvm::StringRef bytes);

} // namespace nnc

#endif
