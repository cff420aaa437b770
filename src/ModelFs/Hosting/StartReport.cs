using Microsoft.Win32.SafeHandles;

namespace ModelFs.Hosting;

/// <summary>The one line that a detached daemon sends to the process that started it: that the mount answers, or why there is none.</summary>
internal sealed class StartReport : IDisposable
{
    public const string Ready = "ready";

    private SafeFileHandle? pipe;

    private StartReport(SafeFileHandle? pipe) => this.pipe = pipe;

    /// <summary>Nobody waits: the daemon runs in the foreground.</summary>
    public static StartReport None { get; } = new(null);

    /// <param name="descriptor">An inherited descriptor, which is this object's from now on.</param>
    public static StartReport To(int descriptor) => new(new SafeFileHandle(descriptor, ownsHandle: true));

    /// <summary>Sends the line, once; closing the pipe lets the starter go.</summary>
    public void Send(string line)
    {
        if (Interlocked.Exchange(ref pipe, null) is not { } handle)
            return;
        try
        {
            using var stream = new FileStream(handle, FileAccess.Write, bufferSize: 0);
            stream.Write(System.Text.Encoding.UTF8.GetBytes(line.ReplaceLineEndings(" ") + "\n"));
        }
        catch (IOException)
        {
            // The starter was killed: then nobody wants to know.
        }
    }

    public void Dispose() => pipe?.Dispose();
}
