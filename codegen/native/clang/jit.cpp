// Objects become code in this process, by ORC.
#include <memory>
#include <string>

#include "codegen/native/clang/internal.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/Error.h"

struct NativeCode {
    std::unique_ptr<llvm::orc::LLJIT> jit;
};

namespace nnc {

using namespace llvm;

static NativeCode *fail(Error error, char **message) {
    *message = copy_text(toString(std::move(error)));
    return nullptr;
}

// Links are resolved when a symbol is looked up; the C library and its mathematics are found where
// this process has them.
NativeCode *load(const NativeBytes *object, char **message) {
    auto jit = orc::LLJITBuilder().setPlatformSetUp(orc::setUpInactivePlatform).create();
    if (!jit) return fail(jit.takeError(), message);
    auto buffer = MemoryBuffer::getMemBufferCopy(StringRef(object->data, object->size), "kernels");
    if (Error error = (*jit)->addObjectFile(std::move(buffer)))
        return fail(std::move(error), message);
    return new NativeCode{std::move(*jit)};
}

void *symbol(NativeCode *code, const char *name) {
    auto address = code->jit->lookup(name);
    if (!address) {
        consumeError(address.takeError());
        return nullptr;
    }
    return address->toPtr<void *>();
}

void unload(NativeCode *code) {
    delete code;
}

} // namespace nnc
