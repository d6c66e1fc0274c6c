// C in, an object, assembly or LLVM IR out.
//
// A text is first compiled with the plugin's quick headers and nothing of the machine's. What that
// can't parse (an intrinsic or a function of the C library that nnc doesn't emit) is compiled again
// with clang's own headers and the machine's.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "codegen/native/clang/internal.h"
#include "clang/Basic/TargetInfo.h"
#include "clang/CodeGen/BackendUtil.h"
#include "clang/CodeGen/CodeGenAction.h"
#include "clang/Frontend/CompilerInstance.h"
#include "clang/Frontend/CompilerInvocation.h"
#include "clang/Frontend/TextDiagnosticPrinter.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

namespace nnc {

using namespace clang;

static double now() {
    using namespace std::chrono;
    return duration<double>(steady_clock::now().time_since_epoch()).count();
}

static void set_up() {
    static const bool done = [] {
        llvm::InitializeNativeTarget();
        llvm::InitializeNativeTargetAsmPrinter();
        llvm::InitializeNativeTargetAsmParser();
        return true;
    }();
    (void)done;
}

// Words that are always among the options of `clang -cc1`. Warnings are for nnc's tests, which
// compile what it emits with all of them; emitted code says itself what is fused.
static const char fixed_words[] =
    "-std=c11 -w -ffp-contract=off -mrelocation-model pic -pic-level 2 -discard-value-names "
    "-disable-llvm-verifier -nostdsysteminc -nobuiltininc -x c";

static std::vector<std::string> arguments(const NativeJob &job, bool own_headers) {
    std::vector<std::string> args;
    auto add = [&](const std::string &option, const std::string &value) {
        args.push_back(option);
        args.push_back(value);
    };
    llvm::SmallVector<StringRef, 32> words;
    StringRef(fixed_words).split(words, ' ');
    for (StringRef word : words)
        args.push_back(word.str());
    int level = job.quick && job.level > 1 ? 1 : job.level;
    args.push_back("-O" + std::to_string(level));
    if (level >= 2) args.insert(args.end(), {"-vectorize-loops", "-vectorize-slp"});
    if (job.debug_info)
        args.insert(args.end(), {"-debug-info-kind=constructor", "-dwarf-version=5"});
    const std::string root = ROOT;
    const std::vector<std::string> own = {root + "x86", root + "libc", root + "clang"};
    const std::vector<std::string> machine = {root + "clang", "/usr/local/include",
                                              "/usr/include/" NNC_MULTIARCH, "/usr/include",
                                              root + "libc"};
    for (const std::string &folder : own_headers ? own : machine)
        add("-isystem", folder);
    add("-triple", llvm::sys::getDefaultTargetTriple());
    if (job.march && StringRef(job.march) != "native") {
        add("-target-cpu", job.march);
    } else {
        add("-target-cpu", llvm::sys::getHostCPUName().str());
        for (const auto &feature : llvm::sys::getHostCPUFeatures())
            add("-target-feature", (feature.second ? "+" : "-") + feature.first().str());
    }
    args.push_back(root + "source/" + job.source);
    return args;
}

// Runs the backend over a module: its passes, or what comes after them.
static void run_backend(CompilerInstance &clang, llvm::Module &module, bool passes,
                        BackendAction action, std::unique_ptr<llvm::raw_pwrite_stream> out) {
    CodeGenOptions options = clang.getCodeGenOpts();
    options.DisableLLVMPasses = !passes;
    EmitBackendOutput(clang.getDiagnostics(), clang.getHeaderSearchOpts(), options,
                      clang.getTargetOpts(), clang.getLangOpts(),
                      clang.getTarget().getDataLayoutString(), &module, action,
                      &clang.getVirtualFileSystem(), std::move(out));
}

// What passes know of the processor.
static std::unique_ptr<llvm::TargetMachine> machine_for(const TargetOptions &target) {
    std::string error;
    const llvm::Target *found = llvm::TargetRegistry::lookupTarget(target.Triple, error);
    std::string features = llvm::join(target.Features, ",");
    return std::unique_ptr<llvm::TargetMachine>(
        found->createTargetMachine(target.Triple, target.CPU, features, {}, llvm::Reloc::PIC_));
}

// For code that runs at once. Emitted kernels are vectorized and unrolled already: what is left is
// to bring variables into registers, to tidy up and to move what doesn't change out of loops. That
// takes a quarter of -O2's time, and kernels are as fast. Functions stay apart, but for those that
// the text itself says to inline.
static void run_quick_passes(const TargetOptions &target, llvm::Module &module) {
    for (llvm::Function &function : module) {
        if (!function.hasFnAttribute(llvm::Attribute::InlineHint)) continue;
        function.removeFnAttr(llvm::Attribute::InlineHint);
        function.addFnAttr(llvm::Attribute::AlwaysInline);
    }
    llvm::LoopAnalysisManager loops;
    llvm::FunctionAnalysisManager functions;
    llvm::CGSCCAnalysisManager calls;
    llvm::ModuleAnalysisManager modules;
    std::unique_ptr<llvm::TargetMachine> machine = machine_for(target);
    llvm::PassBuilder builder(machine.get());
    builder.registerModuleAnalyses(modules);
    builder.registerCGSCCAnalyses(calls);
    builder.registerFunctionAnalyses(functions);
    builder.registerLoopAnalyses(loops);
    builder.crossRegisterProxies(loops, functions, calls, modules);
    llvm::ModulePassManager passes;
    llvm::cantFail(builder.parsePassPipeline(
        passes, "always-inline,function(sroa,early-cse,simplifycfg,loop-mssa(loop-rotate,licm),"
                "loop(loop-unroll-full),sroa,early-cse<memssa>,"
                "instcombine<no-verify-fixpoint>,loop-mssa(licm),simplifycfg)"));
    passes.run(module, modules);
}

static bool attempt(const NativeJob &job, bool own_headers, NativeBytes *out, NativeTimes *times,
                    std::string *log) {
    double start = now();
    std::vector<std::string> texts = arguments(job, own_headers);
    std::vector<const char *> args;
    for (const std::string &text : texts)
        args.push_back(text.c_str());
    llvm::raw_string_ostream log_stream(*log);
    CompilerInstance clang;
    clang.setVerboseOutputStream(std::make_unique<llvm::raw_null_ostream>());
    auto *printer = new TextDiagnosticPrinter(log_stream, &clang.getDiagnosticOpts());
    clang.createDiagnostics(printer);
    if (!CompilerInvocation::CreateFromArgs(clang.getInvocation(), args, clang.getDiagnostics()))
        return false;
    clang.createFileManager(file_system(job, !own_headers));
    llvm::LLVMContext context;
    CodeGenOptions &options = clang.getCodeGenOpts();
    options.DisableLLVMPasses = true; // they run below, to be timed
    EmitLLVMOnlyAction action(&context);
    if (!clang.ExecuteAction(action)) return false;
    std::unique_ptr<llvm::Module> module = action.takeModule();
    double parsed = now();
    if (job.quick)
        run_quick_passes(clang.getTargetOpts(), *module);
    else
        run_backend(clang, *module, true, Backend_EmitNothing,
                    std::make_unique<llvm::raw_null_ostream>());
    double optimized = now();
    static const BackendAction actions[] = {Backend_EmitObj, Backend_EmitAssembly, Backend_EmitLL};
    llvm::SmallVector<char, 0> bytes;
    run_backend(clang, *module, false, actions[job.output],
                std::make_unique<llvm::raw_svector_ostream>(bytes));
    if (clang.getDiagnostics().hasErrorOccurred()) return false;
    *out = copy_bytes(StringRef(bytes.data(), bytes.size()));
    *times = {parsed - start, optimized - parsed, now() - optimized};
    return true;
}

bool compile(const NativeJob *job, NativeBytes *out, NativeTimes *times, char **message) {
    set_up();
    std::string log;
    bool good = attempt(*job, true, out, times, &log);
    if (!good) {
        log.clear();
        good = attempt(*job, false, out, times, &log);
    }
    *message = copy_text(log);
    return good;
}

} // namespace nnc
