using System.Diagnostics;
using ModelFs.Fuse;
using ModelFs.Hosting;

namespace ModelFs.Monitoring;

/// <summary>A process beside the daemon that asks its mount (<see cref="MountProbe"/>), a line for each question: the daemon itself never touches it.</summary>
/// <remarks>It ends with its standard input, and so with the daemon, however that ends. One question is under way at a time, so a mount that hangs holds no more than this one process.</remarks>
internal sealed class ProbeProcess(string mountPoint) : IDisposable
{
    private readonly Lock gate = new();
    private Process? process;
    private Task<MountState>? question;
    private bool isDisposed;

    /// <returns>Null when there is no answer within the limit. The next question waits for the same answer.</returns>
    public async Task<MountState?> AskAsync(TimeSpan limit)
    {
        Task<MountState> asked;
        lock (gate)
        {
            if (isDisposed)
                return null;
            if (question is null or { IsCompleted: true })
                question = Task.Run(ExchangeAsync);
            asked = question;
        }

        try
        {
            return await asked.WaitAsync(limit);
        }
        catch (Exception e) when (e is TimeoutException or IOException or InvalidOperationException or ArgumentException or System.ComponentModel.Win32Exception)
        {
            // It was killed, or cannot be started: the next question tries again.
            return null;
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            isDisposed = true;
            End();
        }
    }

    /// <summary>The other side: answers each line until there are no more.</summary>
    public static async Task ServeAsync(string mountPoint, TextReader questions, TextWriter answers, CancellationToken cancellation)
    {
        while (await questions.ReadLineAsync(cancellation) is not null)
            await answers.WriteLineAsync(MountProbe.Ask(mountPoint).ToString());
    }

    private async Task<MountState> ExchangeAsync()
    {
        Process asked;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            if (process is null or { HasExited: true })
            {
                End();
                var start = Executable.Current.StartInfo("probe", mountPoint);
                (start.RedirectStandardInput, start.RedirectStandardOutput) = (true, true);
                process = Process.Start(start)!;
            }

            asked = process;
        }

        await asked.StandardInput.WriteLineAsync();
        await asked.StandardInput.FlushAsync();
        return Enum.Parse<MountState>(await asked.StandardOutput.ReadLineAsync() ?? throw new IOException("the probe has ended"));
    }

    /// <summary>[locked] Not waited for: while the mount hangs, so does the process.</summary>
    private void End()
    {
        try
        {
            process?.StandardInput.Dispose();
        }
        catch (IOException)
        {
            // What was to be written to it is of no use any more.
        }

        process?.Dispose();
        process = null;
    }
}
