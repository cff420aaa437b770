using System.Globalization;

namespace ModelFs.Cache.Index;

/// <summary>How many starts in a row ended before the index was open: one that kills the process must not do so for ever.</summary>
/// <remarks>A file beside the index, there from the beginning of a start until the index is open, or the process is asked to end.</remarks>
internal sealed class StartCount
{
    /// <summary>The first start that failed may have been shot for another reason; the second one says that it is the index.</summary>
    private const int FailuresAllowed = 2;

    private readonly Lock gate = new();
    private readonly string path;
    private bool isOpen;

    private StartCount(string path, int failed) => (this.path, Failed) = (path, failed);

    /// <summary>Starts that failed before this one.</summary>
    public int Failed { get; }

    public bool IsTooHigh => Failed >= FailuresAllowed;

    /// <summary>Counts a start as failed until it is said to have ended otherwise: what kills the process in between counts.</summary>
    public static StartCount Begin(string indexDirectory)
    {
        string path = Path.Combine(indexDirectory, "starts");
        try
        {
            int failed = File.Exists(path) && int.TryParse(File.ReadAllText(path), NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : 0;
            var starts = new StartCount(path, failed);
            starts.Write(starts.IsTooHigh ? 1 : failed + 1);
            return starts;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A full disk is no reason not to start.
            return new StartCount(path, 0);
        }
    }

    /// <summary>The index is open.</summary>
    public void Succeeded()
    {
        lock (gate)
        {
            isOpen = true;
            Note(() => File.Delete(path));
        }
    }

    /// <summary>Somebody ends the process meanwhile: that says nothing of the index.</summary>
    public void Stopped()
    {
        lock (gate)
        {
            if (isOpen)
                return;
            if (Failed == 0)
                Note(() => File.Delete(path));
            else if (!IsTooHigh)
                Note(() => Write(Failed));
        }
    }

    /// <summary>What the disk does not take counts as a failure at the next start.</summary>
    private static void Note(Action note)
    {
        try
        {
            note();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    private void Write(int count) => File.WriteAllText(path, count.ToString(CultureInfo.InvariantCulture));
}
