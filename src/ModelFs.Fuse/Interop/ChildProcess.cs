using System.Collections;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ModelFs.Fuse.Interop;

/// <summary>A process that inherits one descriptor of ours, which System.Diagnostics.Process cannot give it.</summary>
internal sealed class ChildProcess
{
    private readonly int pid;
    private readonly SafeFileHandle errorOutput;

    private ChildProcess(int pid, SafeFileHandle errorOutput)
    {
        this.pid = pid;
        this.errorOutput = errorOutput;
    }

    /// <param name="program">Looked up in PATH.</param>
    /// <param name="inherited">Stays open in the child, under the number that it has here.</param>
    /// <param name="variable">One variable that is added to our environment.</param>
    public static unsafe Errno TryStart(string program, string[] arguments, SafeFileHandle? inherited, string? variable, out ChildProcess? child)
    {
        child = null;
        int* pipe = stackalloc int[2];
        if (LibC.pipe2(pipe, LibC.O_CLOEXEC) != 0)
            return (Errno)Marshal.GetLastPInvokeError();

        var reading = new SafeFileHandle(pipe[0], ownsHandle: true);
        using var writing = new SafeFileHandle(pipe[1], ownsHandle: true);
        byte* actions = stackalloc byte[LibC.SpawnFileActionsSize];
        LibC.posix_spawn_file_actions_init(actions);
        LibC.posix_spawn_file_actions_adddup2(actions, pipe[1], 2);
        if (inherited is not null)
        {
            int number = (int)inherited.DangerousGetHandle();
            LibC.posix_spawn_file_actions_adddup2(actions, number, number);
        }

        byte** argv = ToNative([program, .. arguments]);
        byte** environment = ToNative(Environment(variable));
        var error = (Errno)LibC.posix_spawnp(out int pid, program, actions, null, argv, environment);
        LibC.posix_spawn_file_actions_destroy(actions);
        Free(argv);
        Free(environment);
        GC.KeepAlive(inherited);
        if (error != Errno.None)
        {
            reading.Dispose();
            return error;
        }

        child = new ChildProcess(pid, reading);
        return Errno.None;
    }

    /// <summary>Waits until the process has ended, and gives what it said on its standard error.</summary>
    /// <returns>True when it exited with 0.</returns>
    public bool Wait(out string said)
    {
        using (var reader = new StreamReader(new FileStream(errorOutput, FileAccess.Read), Encoding.UTF8))
            said = reader.ReadToEnd().Trim();

        int status;
        while (LibC.waitpid(pid, out status, 0) < 0)
        {
            // ECHILD: a parent that ignores SIGCHLD has no status to give; what was said decides.
            if ((Errno)Marshal.GetLastPInvokeError() != Errno.EINTR)
                return said.Length == 0;
        }

        return status == 0;
    }

    private static List<string> Environment(string? added)
    {
        var variables = new List<string>();
        foreach (DictionaryEntry variable in System.Environment.GetEnvironmentVariables())
            variables.Add($"{variable.Key}={variable.Value}");
        if (added is not null)
            variables.Add(added);
        return variables;
    }

    private static unsafe byte** ToNative(List<string> strings)
    {
        var list = (byte**)NativeMemory.AllocZeroed((nuint)strings.Count + 1, (nuint)sizeof(byte*));
        for (int at = 0; at < strings.Count; at++)
            list[at] = (byte*)Marshal.StringToCoTaskMemUTF8(strings[at]);
        return list;
    }

    private static unsafe void Free(byte** list)
    {
        for (byte** at = list; *at is not null; at++)
            Marshal.FreeCoTaskMem((nint)(*at));
        NativeMemory.Free(list);
    }
}
