using Microsoft.Win32.SafeHandles;

namespace ModelFs.Hosting;

/// <summary>What a detached daemon tells the process that started it: warnings, and last that the mount answers, or why there is none.</summary>
internal sealed class StartReport : IDisposable
{
    public const string Ready = "ready";

    public const string WarningMark = "warning: ";

    private FileStream? pipe;

    private StartReport(FileStream? pipe) => this.pipe = pipe;

    /// <summary>Nobody waits: the daemon runs in the foreground.</summary>
    public static StartReport None { get; } = new(null);

    /// <param name="descriptor">An inherited descriptor, which is this object's from now on.</param>
    public static StartReport To(int descriptor) => new(new FileStream(new SafeFileHandle(descriptor, ownsHandle: true), FileAccess.Write, bufferSize: 0));

    /// <summary>Something that does not keep the mount from answering.</summary>
    public void Warn(string warning)
    {
        if (pipe is { } open)
            Write(open, WarningMark + warning);
    }

    /// <summary>Sends the last line, once; closing the pipe lets the starter go.</summary>
    public void Send(string line)
    {
        if (Interlocked.Exchange(ref pipe, null) is not { } open)
            return;
        using (open)
            Write(open, line);
    }

    private static void Write(FileStream pipe, string line)
    {
        try
        {
            pipe.Write(System.Text.Encoding.UTF8.GetBytes(line.ReplaceLineEndings(" ") + "\n"));
        }
        catch (IOException)
        {
            // The starter was killed: then nobody wants to know.
        }
    }

    public void Dispose() => pipe?.Dispose();
}
