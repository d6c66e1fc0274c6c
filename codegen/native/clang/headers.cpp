// Files in memory: the sources of a job and the headers that the plugin carries.
//
// clang/  clang's own: stddef.h, the intrinsics
// x86/    the few intrinsics that emitted C uses, quick to parse (see x86/immintrin.h)
// libc/   the C library as far as emitted C uses it: no machine needs its headers installed
#include <string>

#include "codegen/native/clang/internal.h"
#include "llvm/Support/MemoryBuffer.h"

namespace nnc {

using llvm::MemoryBuffer;
using llvm::MemoryBufferRef;
using llvm::StringRef;

static void add(llvm::vfs::InMemoryFileSystem &memory, const std::string &path, StringRef text) {
    memory.addFile(path, 0, MemoryBuffer::getMemBuffer(MemoryBufferRef(text, "")));
}

llvm::IntrusiveRefCntPtr<llvm::vfs::FileSystem> file_system(const NativeJob &job, bool real) {
    auto memory = llvm::makeIntrusiveRefCnt<llvm::vfs::InMemoryFileSystem>();
    for (const Header *header = headers; header->path; header++)
        add(*memory, std::string(ROOT) + header->path,
            StringRef(header->begin, static_cast<size_t>(header->end - header->begin)));
    for (int i = 0; i < job.file_count; i++)
        add(*memory, std::string(ROOT) + "source/" + job.files[i].name, job.files[i].text);
    if (!real) return memory;
    auto both =
        llvm::makeIntrusiveRefCnt<llvm::vfs::OverlayFileSystem>(llvm::vfs::getRealFileSystem());
    both->pushOverlay(memory);
    return both;
}

} // namespace nnc
