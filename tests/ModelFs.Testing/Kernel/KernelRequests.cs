namespace ModelFs.Testing.Kernel;

/// <summary>Requests as Linux 6.18 sends them.</summary>
public static class KernelRequests
{
    /// <summary>What Linux 6.18 offers in INIT's flags and flags2.</summary>
    public const ulong Offered618 = 0x000005fd_73fffffb;

    public static Task<ScriptedReply> InitAsync(this ScriptedKernel kernel, uint major = 7, uint minor = 45, ulong flags = Offered618) =>
        kernel.AskAsync(Opcode.Init, 0, InitBody(major, minor, flags));

    public static byte[] InitBody(uint major, uint minor, ulong flags) =>
        new RequestBody().U32(major).U32(minor).U32(131072).U32((uint)flags).U32((uint)(flags >> 32)).Bytes(new byte[44]).ToArray();

    public static byte[] ReadBody(ulong handle, ulong offset, uint size) =>
        new RequestBody().U64(handle).U64(offset).U32(size).U32(0).U64(0).U32(0).U32(0).ToArray();

    public static byte[] OpenBody(uint flags = 0) => new RequestBody().U32(flags).U32(0).ToArray();

    public static byte[] ReleaseBody(ulong handle) => new RequestBody().U64(handle).U32(0).U32(0).U64(0).ToArray();

    public static byte[] NameBody(string name) => new RequestBody().Name(name).ToArray();

    public static Task<ScriptedReply> LookupAsync(this ScriptedKernel kernel, ulong parent, string name) =>
        kernel.AskAsync(Opcode.Lookup, parent, NameBody(name));

    public static Task<ScriptedReply> GetAttrAsync(this ScriptedKernel kernel, ulong node) =>
        kernel.AskAsync(Opcode.GetAttr, node, new byte[16]);

    public static Task<ScriptedReply> ReadLinkAsync(this ScriptedKernel kernel, ulong node) => kernel.AskAsync(Opcode.ReadLink, node, []);

    public static Task<ScriptedReply> OpenAsync(this ScriptedKernel kernel, ulong node, uint flags = 0) =>
        kernel.AskAsync(Opcode.Open, node, OpenBody(flags));

    public static Task<ScriptedReply> ReadAsync(this ScriptedKernel kernel, ulong node, ulong handle, long offset, int size) =>
        kernel.AskAsync(Opcode.Read, node, ReadBody(handle, (ulong)offset, (uint)size));

    public static Task<ScriptedReply> OpenDirAsync(this ScriptedKernel kernel, ulong node) => kernel.AskAsync(Opcode.OpenDir, node, OpenBody());

    public static Task<ScriptedReply> ReadDirAsync(this ScriptedKernel kernel, ulong node, ulong handle, long offset, int size, bool plus = false) =>
        kernel.AskAsync(plus ? Opcode.ReadDirPlus : Opcode.ReadDir, node, ReadBody(handle, (ulong)offset, (uint)size));

    public static Task<ScriptedReply> ReleaseAsync(this ScriptedKernel kernel, ulong node, ulong handle) =>
        kernel.AskAsync(Opcode.Release, node, ReleaseBody(handle));

    public static Task<ScriptedReply> ReleaseDirAsync(this ScriptedKernel kernel, ulong node, ulong handle) =>
        kernel.AskAsync(Opcode.ReleaseDir, node, ReleaseBody(handle));

    /// <param name="size">0 asks how long the value is.</param>
    public static Task<ScriptedReply> GetXAttrAsync(this ScriptedKernel kernel, ulong node, string name, int size = 65536) =>
        kernel.AskAsync(Opcode.GetXAttr, node, new RequestBody().U32((uint)size).U32(0).Name(name).ToArray());

    public static Task<ScriptedReply> ListXAttrAsync(this ScriptedKernel kernel, ulong node, int size = 65536) =>
        kernel.AskAsync(Opcode.ListXAttr, node, new RequestBody().U32((uint)size).U32(0).ToArray());

    public static Task<ScriptedReply> StatFsAsync(this ScriptedKernel kernel, ulong node = 1) => kernel.AskAsync(Opcode.StatFs, node, []);

    public static Task<ScriptedReply> LSeekAsync(this ScriptedKernel kernel, ulong node, ulong handle, long offset, uint whence) =>
        kernel.AskAsync(Opcode.LSeek, node, new RequestBody().U64(handle).U64((ulong)offset).U32(whence).U32(0).ToArray());

    public static void Forget(this ScriptedKernel kernel, ulong node, ulong count) =>
        kernel.Post(Opcode.Forget, node, new RequestBody().U64(count).ToArray());

    public static void BatchForget(this ScriptedKernel kernel, params (ulong Node, ulong Count)[] nodes)
    {
        RequestBody body = new RequestBody().U32((uint)nodes.Length).U32(0);
        foreach ((ulong node, ulong count) in nodes)
            body.U64(node).U64(count);
        kernel.Post(Opcode.BatchForget, 0, body.ToArray());
    }
}
