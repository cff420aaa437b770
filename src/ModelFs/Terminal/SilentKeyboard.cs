using System.Runtime.InteropServices;

namespace ModelFs.Terminal;

/// <summary>While it lives the terminal shows nothing of what is typed, which would break what is drawn in place. What was typed is the next reader's, as ever.</summary>
internal sealed class SilentKeyboard : IDisposable
{
    /// <summary>It is the terminal that is drawn on, whatever standard input is.</summary>
    private const int StandardError = 2;

    private const int Now = 0;

    /// <summary>Linux' <c>struct termios</c>: four words of flags, of which the last has the local ones, then characters and speeds; 60 bytes.</summary>
    private const int Size = 128;
    private const int LocalFlags = 12;
    private const uint Echo = 0x8 | 0x40; // ECHO, and ECHONL, which shows a line's end without it.

    private readonly byte[] before = new byte[Size];
    private readonly bool isSilent;

    public SilentKeyboard()
    {
        // The runtime remembers, when it is first asked for the window, how the terminal was, and leaves it so at the end.
        _ = Console.WindowWidth;
        if (!IsOurs() || GetAttributes(StandardError, before) != 0)
            return;
        var silent = (byte[])before.Clone();
        BitConverter.TryWriteBytes(silent.AsSpan(LocalFlags), BitConverter.ToUInt32(before, LocalFlags) & ~Echo);
        isSilent = SetAttributes(StandardError, Now, silent) == 0;
    }

    public void Dispose()
    {
        if (isSilent && IsOurs())
            _ = SetAttributes(StandardError, Now, before);
    }

    /// <summary>A process in the background that touches the terminal's settings is stopped for it; a shell that put it there has put them back.</summary>
    private static bool IsOurs() => ForegroundGroup(StandardError) == ProcessGroup();

    [DllImport("libc", EntryPoint = "tcgetattr")]
    private static extern int GetAttributes(int descriptor, byte[] attributes);

    [DllImport("libc", EntryPoint = "tcsetattr")]
    private static extern int SetAttributes(int descriptor, int when, byte[] attributes);

    [DllImport("libc", EntryPoint = "tcgetpgrp")]
    private static extern int ForegroundGroup(int descriptor);

    [DllImport("libc", EntryPoint = "getpgrp")]
    private static extern int ProcessGroup();
}
