namespace ModelFs;

/// <summary>A verb cannot do what was asked. The message is the one line a person gets: what is wrong, and what to do.</summary>
internal sealed class CommandException(string message, int exitCode = ExitCode.Failed) : Exception(message)
{
    public int Code { get; } = exitCode;
}
